package mapping

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// TestColumnsMayComeInAnyOrder maps rows whose columns come in other orders, are missing, stand
// twice, or are many or have long names, and compares each with what a mapper says that has
// seen no other row.
func TestColumnsMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	routes := []config.Route{routed(config.EnvelopePlain, fields("email", "email", "name", "full_name", "city", "address.city"))}
	m := mustNew(t, routes)
	columns := []string{"crm_id", "email", "full_name", "address", "", "x", "emails", strings.Repeat("long", maxOrdered), "e\\u006dail"}
	for n := range 5000 {
		var row []string
		if n%500 == 0 { // wider than what is remembered
			for i := range maxPlaces {
				row = append(row, fmt.Sprintf(`"c%d":0`, i))
			}
		}
		random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		for _, c := range columns[:1+random.IntN(len(columns))] {
			value := fmt.Sprintf(`"%d"`, random.IntN(1000))
			if c == "address" {
				value = `{"city":` + value + `}`
			}
			row = append(row, fmt.Sprintf(`"%s":%s`, c, value))
		}
		r := record(testKey, "{"+strings.Join(row, ",")+"}")
		if got, want := showAll(m.Map(r, nil)), showAll(mustNew(t, routes).Map(r, nil)); got != want {
			t.Fatalf("seed %d, row %d %.300s: %s, want %s", seed, n, r.Value, got, want)
		}
	}
}
