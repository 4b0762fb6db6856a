//go:build synctests

package sim_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// note remembers which records the rows have.
func (p *play) note() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for table := range p.Tables() {
		for _, r := range p.crm.Records("hubspot", tenant, objectOf(table)) {
			row := table + " " + p.Key(p.t, table, r.Fields)
			if p.had[row] == nil {
				p.had[row] = make(map[string]bool)
			}
			p.had[row][r.ID] = true
		}
	}
}

// compare compares what is left with the database, and the records of rows whose keys were changed
// with those that they had before.
func (p *play) compare() {
	tables, ids := p.left()
	m := p.mapper(p.keys)
	parked := p.parked(m, p.names(m))
	p.Compare(p.t, p.keys, tables, parked...)

	m = p.mapper(config.KeyChangeMove) // which tells the old key
	names := p.names(m)
	for _, r := range p.records {
		w := m.Map(r, nil)[0].Write
		if w == nil || w.Identity.Former == "" {
			continue
		}
		from, to := names[w.Route+w.Identity.Former], names[w.Route+w.Identity.Key]
		id := ids[to]
		if id == "" || slices.Contains(parked, from) || slices.Contains(parked, to) {
			continue
		}
		switch recreated := p.keys == config.KeyChangeRecreate && isMove(r); {
		case recreated && p.had[from][id]:
			p.t.Errorf("%s was not recreated: it is %s, which %s was", to, id, from)
		case recreated:
			p.tally.Recreated++
		case !p.had[from][id]:
			p.t.Errorf("%s was not moved: it is %s, which %s never was", to, id, from)
		default:
			p.tally.Moved++
		}
	}
}

// left is the records of the CRM by source key, one each, and the ids of the rows.
func (p *play) left() (tables map[string]captures.Rows, ids map[string]string) {
	tables, ids = make(map[string]captures.Rows), make(map[string]string)
	for table := range p.Tables() {
		rows := make(captures.Rows)
		for _, r := range p.crm.Records("hubspot", tenant, objectOf(table)) {
			key := p.Key(p.t, table, r.Fields)
			if rows[key] != nil {
				p.t.Errorf("%s %s has a second record, %s", table, key, r.ID)
			}
			rows[key], ids[table+" "+key] = r.Fields, r.ID
		}
		tables[table] = rows
	}
	return tables, ids
}

func (p *play) mapper(keys config.OnKeyChange) *mapping.Mapper {
	routes := p.config().Routes
	for i := range routes {
		routes[i].OnKeyChange = keys
	}
	m, err := mapping.New(routes, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return m.WithSchemas(known(captures.Schemas(p.t)))
}

// parked is the rows whose creates are in doubt, or told no id. Beside their changes only what
// names no row may be among the dead letters.
func (p *play) parked(m *mapping.Mapper, names map[string]string) (rows []string) {
	for _, topic := range p.topics {
		if p.kafka.Cluster.TopicInfo(topic+".dead") == nil {
			continue
		}
		for _, r := range p.kafka.ReadAll(p.t, topic+".dead") {
			l := letterOf(p.t, r)
			switch {
			case l.Reason.Code == "no_key" && l.Record.Key == nil:
			case (l.Reason.Code == "in_doubt" || l.Reason.Code == "id_unknown") && !p.match:
				w := m.Map(&l.Record, nil)[0].Write
				for _, key := range []string{w.Identity.Key, w.Identity.Former} {
					if name := names[w.Route+key]; name != "" {
						rows = append(rows, name)
					}
				}
			default:
				p.t.Errorf("%s/%d@%d is dead-lettered: %s: %s", l.Record.Topic, l.Record.Partition, l.Record.Offset, l.Reason.Code, l.Reason.Message)
			}
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	p.tally.Parked = len(rows)
	return rows
}

// names is what each row is called, by its route and its key in the ledger.
func (p *play) names(m *mapping.Mapper) map[string]string {
	names := make(map[string]string)
	for _, r := range p.records {
		w := m.Map(r, nil)[0].Write
		if w == nil || w.Identity.Deleted {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+w.Identity.Update+"}"), &fields); err != nil {
			p.t.Fatal(err)
		}
		names[w.Route+w.Identity.Key] = w.Route + " " + p.Key(p.t, w.Route, fields)
	}
	return names
}

// letterOf reads a dead letter.
func letterOf(t *testing.T, r *kgo.Record) *deadletter.Letter {
	record := &model.Record{TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
	}
	l, err := deadletter.Decode(record)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// known is a registry that has everything at once.
type known map[model.SchemaID]*model.Schema

func (k known) Schema(id model.SchemaID) (*model.Schema, model.SchemaState) {
	if s := k[id]; s != nil {
		return s, model.SchemaKnown
	}
	return nil, model.SchemaMissing
}
