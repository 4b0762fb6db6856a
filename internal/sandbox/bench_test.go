package sandbox_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// BenchmarkWrites prints what a row costs the sandbox itself, in CPU time: the sink's own
// figures are measured against it, so it must not be what they measure.
func BenchmarkWrites(b *testing.B) {
	const rows = 100
	for name, object := range map[string]string{"with rules": "contact", "without rules": "thing"} {
		b.Run(name, func(b *testing.B) {
			s := server(b, sandbox.Options{})
			rt := s.Transport()
			body := func(n int) string {
				var items []string
				for i := range rows {
					items = append(items, fmt.Sprintf(`{"record":{"email":"u%d.%d@example.com","firstname":"Ada","lastname":"Lovelace","city":"London","phone":"+44 20 7946 0000","company":"Analytical Engines","note":"%040d","age":36,"vip":true,"score":%d.5}}`, n, i, n, i))
				}
				return `{"groupRef":"g","type":"create","mode":"synchronous","batch":[` + strings.Join(items, ",") + `]}`
			}
			bodies := make([]string, b.N)
			for i := range bodies {
				bodies[i] = body(i)
			}
			b.ResetTimer()
			before := cpu(b)
			for i := range b.N {
				req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://sandbox/v1/projects/p/integrations/crm/objects/"+object, bytes.NewReader([]byte(bodies[i])))
				req.Header.Set("X-Api-Key", "k")
				req.Header.Set("Content-Type", "application/json")
				resp, err := rt.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp, err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			spent := cpu(b) - before
			b.ReportMetric(float64(b.N*rows)/spent.Seconds(), "rows/cpu-s")
		})
	}
}

// cpu is the CPU time that the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
