package captures

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// folder returns where the captures are, from whichever package a test runs in.
func folder(tb testing.TB) string {
	tb.Helper()
	root, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(root, "mapping", "testdata", "captures")
		}
		above := filepath.Dir(root)
		if above == root {
			tb.Fatal("captures: no go.mod above the test's folder")
		}
		root = above
	}
}

// Unpacked returns a file of the captures in full, whose name goes without .gz.
func Unpacked(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join(folder(tb), "full", name+".gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// Records returns all records of a capture, by topic, partition and offset.
func Records(tb testing.TB, capture string) []*model.Record {
	tb.Helper()
	return parsed(tb, Unpacked(tb, capture+".jsonl"))
}

// Picked returns the records of a capture that the golden files are about.
func Picked(tb testing.TB, capture string) []*model.Record {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(folder(tb), capture+".jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	return parsed(tb, text)
}

// parsed reads records, one a line.
func parsed(tb testing.TB, text []byte) []*model.Record {
	tb.Helper()
	var records []*model.Record
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Topic      string
			Partition  int32
			Offset     int64
			Timestamp  int64 `json:"timestamp_ms"`
			Key, Value []byte
			Headers    []struct {
				K string
				V []byte
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatal(err)
		}
		r := &model.Record{TopicPartition: model.TopicPartition{Topic: line.Topic, Partition: line.Partition},
			Offset: line.Offset, Timestamp: time.UnixMilli(line.Timestamp), Key: line.Key, Value: line.Value}
		for _, h := range line.Headers {
			r.Headers = append(r.Headers, model.Header{Key: h.K, Value: h.V})
		}
		records = append(records, r)
	}
	if lines.Err() != nil || len(records) == 0 {
		tb.Fatalf("%d records, %v", len(records), lines.Err())
	}
	return records
}

// Schemas returns the schemas of the captures in Avro by the numbers that stand before
// keys and values.
func Schemas(tb testing.TB) map[model.SchemaID]*model.Schema {
	tb.Helper()
	var all map[string]struct{ Schema json.RawMessage }
	if err := json.Unmarshal(Unpacked(tb, "crm-pg-avro.schemas.json"), &all); err != nil {
		tb.Fatal(err)
	}
	schemas := make(map[model.SchemaID]*model.Schema)
	for text, s := range all {
		number, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			tb.Fatal(err)
		}
		schemas[model.SchemaID{Number: uint32(number)}] = &model.Schema{Type: model.SchemaAvro, Text: string(s.Schema)}
	}
	return schemas
}
