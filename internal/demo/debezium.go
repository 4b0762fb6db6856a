package demo

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// event appends a change as Debezium writes it of a table with the default replica
// identity: an update has no image from before, and that of a delete knows the key alone.
func (g *generator) event(e *entry, op string, f fate) {
	var before row
	if op == "d" {
		before = invented(e)
	}
	snapshot := "false"
	if op == "r" {
		snapshot = "true"
	}
	g.lsn += int64(g.random.IntN(4000))
	value, err := json.Marshal(map[string]any{
		"before": before, "after": e.now, "op": op, "ts_ms": g.clock.UnixMilli(), "transaction": nil,
		"source": row{
			"version": "3.7.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": g.clock.UnixMilli(), "snapshot": snapshot, "db": "shop",
			"schema": "public", "table": strings.TrimPrefix(e.table, "shop.public."), "txId": g.lsn / 100, "lsn": g.lsn, "xmin": nil,
		},
	})
	if err != nil {
		panic("BUG: an event that is no JSON: " + err.Error())
	}
	text, key := string(value), keyOf(e.id)
	switch f.name {
	case badJSON:
		text = text[:len(text)*2/3]
	case noKey:
		key = ""
	}
	g.record(e.table, key, text, f)
}

// invented is what a delete says of the row: its key; and of the other columns null, or what the
// connector makes up where a column cannot be null.
func invented(e *entry) row {
	made := row{"id": e.id, "tenant": "", "updated_at": 0}
	for _, column := range routes[e.table].columns() {
		switch column {
		case "id":
		case "email", "domain":
			made[column] = ""
		default:
			made[column] = nil
		}
	}
	return made
}

func keyOf(id int) string { return fmt.Sprintf(`{"id":%d}`, id) }

// record appends a record; an empty key or value is none.
func (g *generator) record(topic, key, value string, f fate) {
	r := model.Record{TopicPartition: model.TopicPartition{Topic: topic}, Timestamp: g.clock}
	if key != "" {
		r.Key = []byte(key)
	}
	if value != "" {
		r.Value = []byte(value)
	}
	g.records, g.fates = append(g.records, r), append(g.fates, f)
}
