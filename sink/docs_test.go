package sink_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// described collects what is registered, whether or not it has a value yet.
type described struct {
	*prometheus.Registry
	all []string
}

var (
	descName   = regexp.MustCompile(`fqName: "([^"]+)"`)
	descLabels = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
)

func (d *described) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	for desc := range descs {
		s := desc.String()
		d.all = append(d.all, descName.FindStringSubmatch(s)[1]+"("+descLabels.FindStringSubmatch(s)[1]+")")
	}
	return d.Registry.Register(c)
}

func TestEveryMetricIsARowOfItsTableAndEveryRowAMetric(t *testing.T) {
	d := &described{Registry: prometheus.NewRegistry()}
	cfg := configure(t, kafkatest.NewFake(t).Brokers(), "g", "t", "http://127.0.0.1:1", "")
	if _, err := sink.New(sink.Options{Config: cfg, Log: testLog(t), Registerer: d}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.Contains(cells[1], "`ampersink_") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		labels := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(cells[3]), "`", ""), ", ", ",")
		rows = append(rows, name+"("+labels+")")
	}
	slices.Sort(rows)
	slices.Sort(d.all)
	if !slices.Equal(rows, d.all) {
		t.Errorf("documented:\n%s\nregistered:\n%s", strings.Join(rows, "\n"), strings.Join(d.all, "\n"))
	}
}
