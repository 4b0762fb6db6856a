package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// known is how many rows of each table the CRM has before the stream begins.
const known = 1000

// seed puts rows into the CRM and returns them with the ids that they got.
func (w *world) seed() ([]seeded, error) {
	g := &generator{random: rand.New(rand.NewPCG(w.o.Seed, 2)), clock: time.Now().Add(-24 * time.Hour), nextID: 1000}
	var all []seeded
	for _, topic := range tables {
		for range known {
			r := g.newRow(topic)
			tenant, _ := r["tenant"].(string)
			fields := make(map[string]any)
			for field, column := range mapped[topic] {
				fields[field] = r[column]
			}
			ids, err := w.crm.Seed(integration, tenant, object[topic], []map[string]any{fields})
			if err != nil {
				return nil, fmt.Errorf("BUG: a known row is refused: %w", err)
			}
			r["crm_id"] = ids[0]
			all = append(all, seeded{Topic: topic, Tenant: tenant, Row: r})
		}
	}
	return all, nil
}
