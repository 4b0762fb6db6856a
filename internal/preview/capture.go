package preview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// maxLine bounds a line of a capture, in bytes: a record of 64 MiB in base64, which
// is more than Kafka's largest batch in use.
const maxLine = 96 << 20

// line is a line of a capture: a Kafka record byte for byte.
type line struct {
	Topic       *string   `json:"topic"`
	Partition   *int32    `json:"partition"`
	Offset      *int64    `json:"offset"`
	TimestampMS int64     `json:"timestamp_ms"`
	Key         octets    `json:"key"`
	Value       octets    `json:"value"`
	Headers     []pairing `json:"headers"`
}

type pairing struct {
	K string `json:"k"`
	V []byte `json:"v"`
}

// octets are bytes in base64, or null. Absent is neither: a file of another form is not
// to be taken for one of tombstones.
type octets struct {
	there bool
	bytes []byte
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *octets) UnmarshalJSON(data []byte) error {
	o.there = true
	return json.Unmarshal(data, &o.bytes)
}

const lineShape = `a record as {"topic", "partition", "offset", "timestamp_ms", "key", "value", "headers": [{"k", "v"}]}, ` +
	`its key, value and header values in base64 or null`

// readCapture hands out the records of a capture until take wants no more.
func readCapture(name string, in io.Reader, take func(*model.Record) (more bool)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		r, err := recordOf(text)
		if err != nil {
			return fmt.Errorf("%s, line %d: %w; expected %s", name, number, err, lineShape)
		}
		if !take(r) {
			return nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s, line %d: it is longer than %d bytes; expected %s", name, number+1, maxLine, lineShape)
	}
	return lines.Err()
}

func recordOf(text []byte) (*model.Record, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("it cannot be read (%s)", model.Harmless(err.Error()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value in it")
	}
	switch {
	case l.Topic == nil || *l.Topic == "" || l.Partition == nil || l.Offset == nil:
		return nil, errors.New("it has no topic, partition or offset")
	case !l.Key.there || !l.Value.there:
		return nil, errors.New("it has no key or no value, not even null")
	}
	r := &model.Record{
		TopicPartition: model.TopicPartition{Topic: *l.Topic, Partition: *l.Partition}, Offset: *l.Offset,
		Timestamp: time.UnixMilli(l.TimestampMS), Key: l.Key.bytes, Value: l.Value.bytes,
	}
	for _, h := range l.Headers {
		r.Headers = append(r.Headers, model.Header{Key: h.K, Value: h.V})
	}
	return r, nil
}
