package bench_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// TestLab: LAB_PROGRAMS comma separated; LAB_ROUNDS; LAB_N; LAB_LAT.
func TestLab(t *testing.T) {
	programs := strings.Split(os.Getenv("LAB_PROGRAMS"), ",")
	if programs[0] == "" {
		t.Skip()
	}
	rounds, _ := strconv.Atoi(os.Getenv("LAB_ROUNDS"))
	n, _ := strconv.Atoi(os.Getenv("LAB_N"))
	lat, _ := time.ParseDuration(os.Getenv("LAB_LAT"))
	more := os.Getenv("LAB_MORE")
	k := kafkatest.Real(t)
	a := newResponder(t, lat)
	for round := range rounds {
		topic := backlog(t, k.Endpoint, n, func(i int) (string, int) { return "c", i })
		run := func(name, program, text string) float64 {
			text = strings.Replace(text, `"g-`, `"`+name+`-`, 1)
			cmd := exec.Command(program, "run", "--until-end", "--config", write(t, text))
			cmd.Env = append(os.Environ(), "PROF=/tmp/fig/"+name+".prof")
			var out strings.Builder
			cmd.Stderr = &out
			began := time.Now()
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v %s", err, &out)
			}
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			ru := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			t.Logf("round %d %-10s %6.0f ns-cpu/record (sys %5.0f) wall %5.2fs span %5.2fs rss %d MiB %s", round, name, float64(cpu)/float64(n), float64(cmd.ProcessState.SystemTime())/float64(n), time.Since(began).Seconds(), a.span().Seconds(), ru.Maxrss>>10, strings.TrimSpace(out.String()))
			return float64(cpu) / float64(n)
		}
		base := run("without", programs[0], settings(k.Brokers(), topic, a.URL, more))
		for i, p := range programs {
			with := run("with"+strconv.Itoa(i), p, lateSettings(k.Brokers(), topic, a.URL, more))
			t.Logf("round %d ratio %.3f", round, with/base)
		}
	}
}
