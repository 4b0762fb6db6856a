package preview

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/kafka"
)

const (
	// DefaultLast is how many records of a topic are read: what a person still looks through.
	DefaultLast = 100
	// DefaultLimit is how many of all topics: ten topics in full.
	DefaultLimit = 1000
	// maxBytes bounds what is read, unpacked: the document holds it about three times.
	maxBytes = 64 << 20
)

// Options says what a preview is of.
type Options struct {
	*Selection
	// File is a capture to read in place of the topics, from its first line on.
	File string
	// From is the time to begin at; zero: the last records of each topic are read.
	From time.Time
	// Last is how many these are, Limit the most records of all topics together.
	Last, Limit int

	// Dial opens connections to Kafka; nil: the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Registry sends requests to the schema registry; nil: the network.
	Registry http.RoundTripper
	Log      zerolog.Logger
}

// Selection is a configuration narrowed to some of its routes and topics.
type Selection struct {
	config *config.Config
	routes []config.Route // all that there are: what is selected may name others
	topics []string       // none: all that is read
	reads  kafka.Options
	// whole is what the configuration reads that was not narrowed.
	whole kafka.Options
}

// Select narrows a configuration; no topics or no routes mean all of them. It
// refuses those that the configuration does not have.
func Select(c *config.Config, topics, routes []string) (*Selection, error) {
	narrow := *c
	reading := narrow
	if len(routes) > 0 {
		narrow.Routes = nil
		for _, r := range c.Routes {
			if slices.Contains(routes, r.Name) {
				narrow.Routes = append(narrow.Routes, r)
			}
		}
		// Who asks for routes does not ask for what no route takes.
		reading.Routes, reading.Skip = narrow.Routes, nil
	}
	for _, name := range routes {
		if !slices.ContainsFunc(narrow.Routes, func(r config.Route) bool { return r.Name == name }) {
			return nil, fmt.Errorf("--route: %q is not in the configuration; expected one of: %s", name, strings.Join(names(c.Routes), ", "))
		}
	}
	s := &Selection{config: &narrow, routes: c.Routes, topics: topics, reads: sink.Reading(&reading), whole: sink.Reading(c)}
	for _, topic := range topics {
		if !s.reads.Reads(topic) {
			return nil, fmt.Errorf("--topic: %q is not read; expected a topic that a route (%s) or a skip rule takes, and none of our own dead letters",
				topic, strings.Join(names(narrow.Routes), ", "))
		}
	}
	return s, nil
}

func names(routes []config.Route) (all []string) {
	for _, r := range routes {
		all = append(all, r.Name)
	}
	return all
}

// read returns the records of the preview, and what they are.
func (o *Options) read(ctx context.Context) ([]model.Record, Read, error) {
	if o.File != "" {
		return o.readFile()
	}
	reads, sample := o.reads, kafka.Sample{Topics: o.topics, From: o.From, Last: o.Last, Limit: o.Limit, Bytes: maxBytes}
	reads.Dial, reads.Log = o.Dial, o.Log
	read := Read{Topics: []ReadTopic{}}
	if !o.From.IsZero() {
		read.From = &o.From
		sample.Last = o.Limit
	}
	looked, err := kafka.Look(ctx, reads, sample)
	if err != nil {
		return nil, read, err
	}
	read.Records = len(looked.Records)
	var cut, full []string
	for _, t := range looked.Topics {
		read.Topics = append(read.Topics, ReadTopic{Topic: t.Topic, Partitions: t.Partitions, Records: t.Records})
		switch {
		case t.Cut:
			cut = append(cut, t.Topic)
		case t.Records >= looked.Each && looked.Each < sample.Last, t.Records >= looked.Each && read.From != nil:
			full = append(full, t.Topic)
		}
	}
	if len(cut) > 0 {
		read.Incomplete = append(read.Incomplete, fmt.Sprintf("%d MiB are the most that is read, and some records of these topics are beyond: %s",
			maxBytes>>20, strings.Join(cut, ", ")))
	}
	if len(full) > 0 {
		read.Incomplete = append(read.Incomplete, fmt.Sprintf("a topic's share of --limit %d is %d, and these may have more: %s",
			o.Limit, looked.Each, strings.Join(full, ", ")))
	}
	return looked.Records, read, nil
}

// verdict is what a preview makes of a topic.
type verdict uint8

const (
	asked    verdict = iota
	notAsked         // left out by the selection
	notRead          // by run neither
)

func (s *Selection) asks(topic string) verdict {
	switch {
	case !s.whole.Reads(topic):
		return notRead
	case !s.reads.Reads(topic), len(s.topics) > 0 && !slices.Contains(s.topics, topic):
		return notAsked
	}
	return asked
}

// readFile reads a capture. What run would not read of it is passed over.
func (o *Options) readFile() ([]model.Record, Read, error) {
	read := Read{File: o.File, Topics: []ReadTopic{}}
	file, err := os.Open(o.File)
	if err != nil {
		return nil, read, err
	}
	defer file.Close()
	var records []model.Record
	size, most := 0, ""
	taken, passed, verdicts := make(counts), make(counts), make(map[string]verdict)
	err = readCapture(o.File, file, func(r *model.Record) bool {
		v, seen := verdicts[r.Topic]
		if !seen {
			v = o.asks(r.Topic)
			verdicts[r.Topic] = v
		}
		switch {
		case v == notRead:
			passed[r.Topic]++
			return true
		case v == notAsked:
			return true
		case len(records) >= o.Limit:
			most = fmt.Sprintf("the file has more records than --limit %d", o.Limit)
		case size > maxBytes:
			most = fmt.Sprintf("%d MiB are the most that is read, and the file has more", maxBytes>>20)
		}
		if most != "" {
			return false
		}
		size += len(r.Key) + len(r.Value)
		taken[r.Topic]++
		records = append(records, *r)
		return true
	})
	if err != nil {
		return nil, read, err
	}
	read.Records, read.Topics, read.PassedOver = len(records), taken.list(), passed.list()
	if most != "" {
		read.Incomplete = []string{most}
	}
	return records, read, nil
}

// counts are records by topic.
type counts map[string]int

func (c counts) list() []ReadTopic {
	list := make([]ReadTopic, 0, len(c))
	for topic, n := range c {
		list = append(list, ReadTopic{Topic: topic, Records: n})
	}
	slices.SortFunc(list, func(a, b ReadTopic) int { return strings.Compare(a.Topic, b.Topic) })
	return list
}
