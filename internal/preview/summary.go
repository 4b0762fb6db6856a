package preview

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// summary counts what the records become.
func (m *maker) summary() Summary {
	s := Summary{Records: m.doc.Read.Records, Requests: len(m.doc.Requests), Writes: make(map[string]int)}
	for _, w := range m.writes {
		s.Writes[w.Type.String()]++
	}
	for i := range m.doc.NotSent {
		switch m.doc.NotSent[i].Fate {
		case model.DeadLettered.String():
			s.DeadLettered++
		case model.Skipped.String():
			s.Skipped++
		case model.Unchanged.String():
			s.Unchanged++
		}
	}
	s.Refusals, s.Skips = refusals(m.doc.NotSent), skips(m.doc.NotSent)
	s.Fields = m.fields()
	return s
}

// refusals counts by route, code and field, the most frequent first.
func refusals(all []NotSent) []Refusals {
	type kind struct{ route, code, field string }
	at := make(map[kind]int)
	list := []Refusals{}
	for i := range all {
		n := &all[i]
		if n.Reason == nil {
			continue
		}
		k := kind{n.Route, n.Reason.Code, n.Reason.Field}
		if _, known := at[k]; !known {
			at[k] = len(list)
			list = append(list, Refusals{Route: k.route, Code: k.code, Field: k.field, Example: Example{
				Topic: n.Topic, Partition: n.Partition, Offset: n.Offset, Found: n.Reason.Found, Expected: n.Reason.Expected,
			}})
		}
		list[at[k]].Count++
	}
	slices.SortStableFunc(list, func(a, b Refusals) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

// skips counts by rule, the most frequent first.
func skips(all []NotSent) []Skips {
	at := make(map[string]int)
	list := []Skips{}
	for i := range all {
		rule := all[i].Rule
		if rule == "" {
			continue
		}
		if _, known := at[rule]; !known {
			at[rule] = len(list)
			n := &all[i]
			list = append(list, Skips{Rule: rule, Example: Example{Topic: n.Topic, Partition: n.Partition, Offset: n.Offset}})
		}
		list[at[rule]].Count++
	}
	slices.SortStableFunc(list, func(a, b Skips) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

const (
	// maxExamples is how many different values of a field are kept: enough to see what
	// kind of a column it is.
	maxExamples = 3
	// maxExample bounds an example, in bytes: what is longer is no help in a summary.
	maxExample = 200
)

// fields tells, field by field in the order of the configuration, what the writes bring.
func (m *maker) fields() []Field {
	type name struct{ route, field string }
	list := []Field{}
	at := make(map[name]int)
	declare := func(route string, fields []config.Field) {
		for i := range fields {
			f := &fields[i]
			if _, twice := at[name{route, f.To}]; !twice {
				at[name{route, f.To}] = len(list)
				from := cmp.Or(f.From, f.Expr)
				if f.IDOf != nil {
					from = f.IDOf.Columns()
				}
				list = append(list, Field{Route: route, Field: f.To, From: from})
			}
		}
	}
	for i := range m.config.Routes {
		r := &m.config.Routes[i]
		declare(r.Name, r.Fields)
		declare(r.Name, r.OnDelete.Set)
		switch linked := r.Associations.Linked; {
		case r.Associations.Field != "":
			declare(r.Name, []config.Field{{To: "associations", From: r.Associations.Field}})
		case len(linked) > 0:
			declare(r.Name, []config.Field{{To: "associations", IDOf: &linked[0].IDOf}})
		}
	}
	for _, w := range m.writes {
		members(w.Fields, func(field string, value jsontext.Value) {
			list[at[name{w.Route, field}]].count(value)
		})
		if w.Identity != nil {
			for i := range w.Identity.Parents {
				p := &w.Identity.Parents[i]
				list[at[name{w.Route, cmp.Or(p.Field, "associations")}]].countParent(p)
			}
		}
	}
	for _, a := range m.mapper.Absent() {
		f := &list[at[name{a.Route, a.Field}]]
		f.Absent, f.Placeholder = a.Absent, a.PlaceholderCreates+a.PlaceholderUpdates
	}
	return list
}

// members calls f for each member of a write's fields.
func members(fields string, f func(name string, value jsontext.Value)) {
	d := jsontext.NewDecoder(bytes.NewReader([]byte("{" + fields + "}")))
	if _, err := d.ReadToken(); err != nil {
		panic("BUG: fields that are no JSON: " + err.Error())
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			panic("BUG: fields that are no JSON: " + err.Error())
		}
		said := name.String() // the token is valid until the next is read
		value, err := d.ReadValue()
		if err != nil {
			panic("BUG: fields that are no JSON: " + err.Error())
		}
		f(said, value)
	}
}

// take counts a value that is neither null nor empty.
func (f *Field) take(kind string) {
	f.Values++
	if f.Kinds == nil {
		f.Kinds = make(map[string]int)
	}
	f.Kinds[kind]++
}

// count takes a value of the field in.
func (f *Field) count(value jsontext.Value) {
	switch {
	case value.Kind() == 'n':
		f.Nulls++
		return
	case string(value) == `""`:
		f.Empty++
		return
	}
	f.take(kindOf(value))
	if len(f.Examples) >= maxExamples || len(value) > maxExample {
		return
	}
	if !slices.ContainsFunc(f.Examples, func(e json.RawMessage) bool { return bytes.Equal(e, value) }) {
		f.Examples = append(f.Examples, json.RawMessage(bytes.Clone(value)))
	}
}

// countParent takes the id of another row in, which will be text.
func (f *Field) countParent(p *model.Parent) {
	if p.Clear {
		f.Nulls++
		return
	}
	f.take("text")
}

func kindOf(value jsontext.Value) string {
	switch value.Kind() {
	case '"':
		return "text"
	case '0':
		return "number"
	case '[':
		return "list"
	case '{':
		return "object"
	}
	return "boolean"
}
