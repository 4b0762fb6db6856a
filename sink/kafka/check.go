package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Finding is one thing that a check looked at.
type Finding struct {
	What string
	Err  error // nil: it is as it should be
	Note string
}

// Check looks, without joining the group or writing anything, whether the
// cluster answers, the topics and the group may be read, and the dead-letter
// topics and the ledger's are there. deadLetter names the dead-letter topic of a source topic.
func Check(ctx context.Context, o Options, deadLetter func(string) string, create bool) []Finding {
	c := &Client{options: o}
	base, err := c.baseOptions(ctx)
	if err != nil {
		return []Finding{{What: "kafka settings", Err: err}}
	}
	client, err := kgo.NewClient(append(base, kgo.RetryTimeout(reachTimeout))...)
	if err != nil {
		return []Finding{{What: "kafka settings", Err: err}}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	brokers := fmt.Sprintf("brokers %v", o.Config.Brokers)
	if err := client.Ping(ctx); err != nil {
		return []Finding{{What: brokers, Err: explain(err, "no answer")}}
	}
	findings := []Finding{{What: brokers, Note: "answer"}}
	admin := kadm.NewClient(client)
	findings = append(findings, c.checkGroup(ctx, admin))
	findings = append(findings, c.checkEach(ctx, admin, deadLetter, create)...)
	if o.Memory != "" {
		findings = append(findings, c.checkMemory(ctx, admin))
	}
	return findings
}

// checkMemory looks whether the compacted topic is there, or may be made.
func (c *Client) checkMemory(ctx context.Context, admin *kadm.Client) (f Finding) {
	topic := c.options.Memory
	f.What = "ledger topic " + topic
	l := &Compacted{options: CompactedOptions{Config: c.options.Config, Topic: topic, Create: CreateForNewGroup}}
	n, err := partitionsOf(ctx, admin, topic)
	switch {
	case err != nil:
		f.Err = err
	case n == 0:
		f.Note, f.Err = "is made when the group starts", l.mayCreate(ctx, admin)
	default:
		f.Note, f.Err = fmt.Sprintf("%d partitions", n), checkCompacted(ctx, admin, topic)
	}
	return f
}

func (c *Client) checkGroup(ctx context.Context, admin *kadm.Client) Finding {
	group := c.options.Config.Group
	f := Finding{What: "group " + group}
	committed, err := c.groupOffsets(ctx, admin)
	switch {
	case err != nil:
		f.Err = err
	case len(committed) == 0:
		f.Note = fmt.Sprintf("has no offsets: starts at %s", c.options.Config.Start)
	default:
		f.Note = fmt.Sprintf("has offsets for %d topics", len(committed))
	}
	return f
}

func (c *Client) checkEach(ctx context.Context, admin *kadm.Client, deadLetter func(string) string, create bool) (findings []Finding) {
	topics, err := c.subscribed(ctx, admin)
	if err != nil {
		return []Finding{{What: "topics", Err: err}}
	}
	details, err := admin.ListTopics(ctx)
	if err != nil {
		return []Finding{{What: "topics", Err: explain(err, "listing the topics")}}
	}
	for _, name := range c.options.Topics {
		if slices.Contains(topics, name) {
			continue
		}
		f := Finding{What: "topic " + name, Note: "is not there; nothing of it needs to be skipped"}
		if slices.Contains(c.options.Required, name) {
			f.Err = &MissingTopics{[]string{name}}
		}
		findings = append(findings, f)
	}
	if len(topics) == 0 && len(c.options.Patterns) > 0 {
		findings = append(findings, Finding{What: "patterns", Note: fmt.Sprintf("%v match no topic yet", c.options.Patterns)})
	}
	slices.Sort(topics)
	for _, name := range topics {
		f := Finding{What: "topic " + name, Note: fmt.Sprintf("%d partitions", len(details[name].Partitions))}
		if err := details[name].Err; err != nil {
			f.Err = explain(err, "topic "+name)
		}
		findings = append(findings, f)
		letters := deadLetter(name)
		f = Finding{What: "dead-letter topic " + letters, Note: "is there"}
		if d, ok := details[letters]; !ok || d.Err != nil {
			f.Note = "is created with the first dead letter"
			if !create {
				f.Err = fmt.Errorf("is not there, and dead_letter.create is false: create it")
			}
		}
		findings = append(findings, f)
	}
	return findings
}
