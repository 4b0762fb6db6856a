// Package deadletter turns a refused record and its reason into a dead letter,
// and back. It promises:
//
//   - Key, value, headers and timestamp of the record are kept byte for byte.
//   - What is added are Kafka Connect's header names, so that existing tools read
//     it, and ampersink.* for what Connect has no name for. They are bounded, and
//     replaced when a record fails again, never appended.
//   - Decode is the inverse of Encode.
package deadletter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Letter is a refused write of a record, with everything that a person or a
// replay needs to know.
type Letter struct {
	Record      model.Record
	Reason      model.Reason
	InDoubt     bool // a create whose answer was lost: it may exist in the CRM
	Group       string
	Route       string
	Destination model.Destination // zero when the record had none
	Type        model.Type        // Undecided when the record did not become a write
	ID          string            // the CRM id that the write named
	Attempts    int
	First       time.Time // first failure
	Last        time.Time // last failure
	Replays     int       // how often it was replayed before
}

const (
	connectPrefix = "__connect.errors."
	ownPrefix     = "ampersink."
)

// maxHeader is how long a header value of ours may be, in bytes: enough for
// the longest message of the API that says something, and small beside
// the smallest max.message.bytes in use.
const maxHeader = 1024

// stages are Connect's names for where it happened.
var stages = map[model.Stage]string{
	model.StageMapping: "VALUE_CONVERTER",
	model.StageWrite:   "TASK_PUT",
}

// optional are the headers that a letter can do without, the most dispensable
// first: they go when it is too large for its topic.
var optional = []string{
	connectPrefix + "exception.message", ownPrefix + "message",
	connectPrefix + "class.name", connectPrefix + "connector.name", connectPrefix + "task.id",
	ownPrefix + "request_id", ownPrefix + "operation_id", ownPrefix + "first_failure", ownPrefix + "last_failure",
	ownPrefix + "field", ownPrefix + "attempts", ownPrefix + "group", connectPrefix + "exception.class.name",
}

// Encode makes the Kafka record of a letter for a dead-letter topic. The
// partition is the source's; the producer maps it where the topic has fewer.
func Encode(l *Letter, topic string) model.Record {
	r := l.Record
	origin := r.TopicPartition
	headers := make([]model.Header, 0, len(r.Headers)+20)
	for _, h := range r.Headers {
		if !ours(h.Key) {
			headers = append(headers, h)
		}
	}
	add := func(name, value string) {
		if value != "" {
			headers = append(headers, model.Header{Key: name, Value: []byte(bounded(value))})
		}
	}
	add(connectPrefix+"topic", origin.Topic)
	add(connectPrefix+"partition", strconv.Itoa(int(origin.Partition)))
	add(connectPrefix+"offset", strconv.FormatInt(r.Offset, 10))
	add(connectPrefix+"connector.name", "ampersink")
	add(connectPrefix+"task.id", "0")
	add(connectPrefix+"stage", stages[l.Reason.Stage])
	add(connectPrefix+"class.name", "ampersink/"+string(l.Reason.Stage))
	add(connectPrefix+"exception.class.name", l.Reason.Code)
	add(connectPrefix+"exception.message", l.Reason.Error())

	l.Reason.Facts(func(name, value string) { add(ownPrefix+name, value) })
	add(ownPrefix+"message", l.Reason.Message)
	if l.InDoubt {
		add(ownPrefix+"in_doubt", "true")
	}
	add(ownPrefix+"group", l.Group)
	add(ownPrefix+"route", l.Route)
	add(ownPrefix+"integration", l.Destination.Integration)
	add(ownPrefix+"group_ref", l.Destination.Group)
	add(ownPrefix+"object", l.Destination.Object)
	if l.Type != model.Undecided {
		add(ownPrefix+"type", l.Type.String())
	}
	add(ownPrefix+"id", l.ID)
	add(ownPrefix+"attempts", strconv.Itoa(l.Attempts))
	add(ownPrefix+"first_failure", stamp(l.First))
	add(ownPrefix+"last_failure", stamp(l.Last))
	add(ownPrefix+"replays", strconv.Itoa(l.Replays))

	r.Topic, r.Headers = topic, headers
	return r
}

// ours reports whether a header is one that Encode writes.
func ours(name string) bool {
	return strings.HasPrefix(name, connectPrefix) || strings.HasPrefix(name, ownPrefix)
}

// bounded cuts a value to maxHeader bytes, at a whole character.
func bounded(s string) string {
	if len(s) <= maxHeader {
		return s
	}
	return strings.ToValidUTF8(s[:maxHeader-3], "") + "..."
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Shed removes the most dispensable half of the optional headers that are left
// and reports whether there were any.
func Shed(r *model.Record) bool {
	var present []string
	for _, name := range optional {
		if _, ok := r.Header(name); ok {
			present = append(present, name)
		}
	}
	if len(present) == 0 {
		return false
	}
	drop := make(map[string]bool)
	for _, name := range present[:(len(present)+1)/2] {
		drop[name] = true
	}
	kept := make([]model.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		if !drop[h.Key] {
			kept = append(kept, h)
		}
	}
	r.Headers = kept
	return true
}

// ErrNotALetter says that a record does not carry what Encode writes.
type ErrNotALetter struct{ Missing string }

func (e *ErrNotALetter) Error() string {
	return fmt.Sprintf("not a dead letter of ampersink: header %q is missing or unreadable", e.Missing)
}

// Decode reads a letter back. The record in it has its origin's topic,
// partition and offset, and the headers that it had there.
func Decode(r *model.Record) (*Letter, error) {
	text := func(name string) string {
		v, _ := r.Header(name)
		return string(v)
	}
	l := &Letter{
		Record: *r,
		Reason: model.Reason{
			Stage: model.Stage(text(ownPrefix + "stage")), Code: text(ownPrefix + "code"),
			Message: text(ownPrefix + "message"), Field: text(ownPrefix + "field"),
			OperationID: text(ownPrefix + "operation_id"), RequestID: text(ownPrefix + "request_id"),
			ExistingID: text(ownPrefix + "existing_id"),
		},
		InDoubt: text(ownPrefix+"in_doubt") == "true",
		Group:   text(ownPrefix + "group"),
		Route:   text(ownPrefix + "route"),
		ID:      text(ownPrefix + "id"),
		Destination: model.Destination{
			Integration: text(ownPrefix + "integration"), Group: text(ownPrefix + "group_ref"), Object: text(ownPrefix + "object"),
		},
	}
	if l.Reason.Code == "" {
		return nil, &ErrNotALetter{ownPrefix + "code"}
	}
	var err error
	number := func(name string, bits int) int64 {
		n, e := strconv.ParseInt(text(name), 10, bits)
		if e != nil && err == nil {
			err = &ErrNotALetter{name}
		}
		return n
	}
	l.Record.Topic = text(connectPrefix + "topic")
	l.Record.Partition = int32(number(connectPrefix+"partition", 32))
	l.Record.Offset = number(connectPrefix+"offset", 64)
	l.Replays = int(number(ownPrefix+"replays", 32))
	l.Attempts, _ = strconv.Atoi(text(ownPrefix + "attempts")) // optional: shed when too large
	l.First, _ = time.Parse(time.RFC3339Nano, text(ownPrefix+"first_failure"))
	l.Last, _ = time.Parse(time.RFC3339Nano, text(ownPrefix+"last_failure"))
	for t := model.Create; t < model.Types; t++ {
		if t.String() == text(ownPrefix+"type") {
			l.Type = t
		}
	}
	l.Record.Headers = nil
	for _, h := range r.Headers {
		if !ours(h.Key) {
			l.Record.Headers = append(l.Record.Headers, h)
		}
	}
	return l, err
}

// TopicFor returns the dead-letter topic of a source topic.
func TopicFor(pattern, source string) string {
	return strings.ReplaceAll(pattern, "{topic}", source)
}
