package mapping

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// route is a route of the configuration, compiled. It is immutable, and shared
// by the clones of a Mapper.
type route struct {
	name   string
	item   model.WriteName // of row 0
	topics topics
	reader reader
	format config.Formats

	integration, object, group string
	groupField                 *source // nil: not from the row
	groupHeader                string

	key    []keyField // sorted by name; empty: the whole record key
	space  string     // the identity space; empty: the topic
	id     *source    // nil: rows carry no id
	late   *late      // nil: what a write is is decided here
	fields []field
	set    []field // with actionSet
	assoc  []byte
	from   *field // associations from the row; nil: none

	actions    [opTombstone + 1]action
	skips      [opTombstone + 1]model.Fate // of the operations whose action is to ignore
	beforeFull bool
	// placeholders is what the source writes for values that did not change and that
	// it did not log.
	placeholders *shapes
	nulls        config.Nulls
	when         *expression // nil: every row
	skipWhen     model.Fate
	skipNulls    model.Fate
	rules                   // what becomes of records that are no change of one row
	onChange     bool       // an update sends what changed, where the event proves it
	omitted      []*omitted // one for each field of the CRM that can be left out

	// columns are the columns of a row that any source may want; the number is the
	// place of the column in Mapper.at.
	columns map[string]int32
	sources []*source
	slots   int // how many ways there are to read the sources
}

// action is what a route does with an operation.
type action uint8

const (
	actionIgnore action = iota
	actionCreate
	actionUpdate
	actionDelete
	actionSet    // an update of fixed fields in place of a delete
	actionUpsert // an update of what is known to be there, else a create
)

// source is a path into the row: the columns to try, longest name first.
type source struct {
	path  string
	tries []try
}

type try struct {
	name   string
	column int32
	slot   int32  // its number in the route
	rest   string // the path into the column; empty: the column itself
}

// keyField is one field of the source key.
type keyField struct {
	name   string
	quoted []byte // its name as JSON
	source *source
}

// field is one member of the write.
type field struct {
	to       string
	prefix   []byte  // its name as JSON, and the colon
	constant []byte  // its value as JSON, or nil
	source   *source // nil: constant
	omitted  *omitted
	treat    *treatment
	copied   bool // nothing is asked of the field but its source
}

func compile(c config.Route, all []config.Route) (*route, error) {
	r := &route{
		name: c.Name, item: model.NameOf(c.Name, 0),
		integration: c.To.Integration, object: c.To.Object,
		group: c.To.Group.Value, groupHeader: c.To.Group.Header,
		space: c.IdentitySpace, beforeFull: c.Before == config.BeforeFull,
		nulls: c.Nulls, onChange: c.Update == config.UpdateChanged,
		skipWhen: model.Skip(c.Name + ".when"), skipNulls: model.Skip(c.Name + ".nulls"),
		columns: make(map[string]int32),
	}
	for _, step := range []func(config.Route) error{
		r.compileInput, r.compileActions, r.compileRules, r.compileIdentity, r.compileFields, r.compileAssociations, r.compileWhen,
	} {
		if err := step(c); err != nil {
			return nil, fmt.Errorf("route %q: %w", c.Name, err)
		}
	}
	if err := r.compileLate(c, all); err != nil {
		return nil, fmt.Errorf("route %q: %w", c.Name, err)
	}
	return r, nil
}

func (r *route) compileInput(c config.Route) (err error) {
	if r.placeholders, err = newShapes(c.Placeholder); err != nil {
		return err
	}
	if r.topics, err = compileTopics(c.Topics); err != nil {
		return err
	}
	for _, f := range []config.Format{c.Format.Key, c.Format.Value} {
		if !slices.Contains(config.AllFormats(), f) {
			return fmt.Errorf("format: %q is not known; expected one of %q", f, config.AllFormats())
		}
	}
	r.format = c.Format
	r.reader, err = readerOf(c)
	return err
}

func (r *route) compileActions(c config.Route) error {
	rows := []config.Action{config.ActionCreate, config.ActionUpdate, config.ActionUpsert, config.ActionIgnore}
	gone := []config.Action{config.ActionDelete, config.ActionIgnore}
	for _, a := range []struct {
		key    string
		op     op
		word   config.Action
		expect []config.Action
	}{
		{"on_create", opCreate, c.OnCreate, rows},
		{"on_update", opUpdate, c.OnUpdate, rows},
		{"on_snapshot", opSnapshot, c.OnSnapshot, rows},
		{"on_delete", opDelete, c.OnDelete.Action, gone},
		{"on_tombstone", opTombstone, c.OnTombstone, gone},
	} {
		r.skips[a.op] = model.Skip(c.Name + "." + a.key)
		if a.op == opDelete && len(c.OnDelete.Set) > 0 {
			r.actions[a.op] = actionSet
			continue
		}
		if !slices.Contains(a.expect, a.word) {
			return fmt.Errorf("%s: %q does not apply; expected one of %q", a.key, a.word, a.expect)
		}
		switch a.word {
		case config.ActionCreate:
			r.actions[a.op] = actionCreate
		case config.ActionUpdate:
			r.actions[a.op] = actionUpdate
		case config.ActionDelete:
			r.actions[a.op] = actionDelete
		case config.ActionUpsert:
			r.actions[a.op] = actionUpsert
		}
	}
	return nil
}

func (r *route) compileIdentity(c config.Route) error {
	if c.To.Group.Field != "" {
		r.groupField = r.source(c.To.Group.Field)
	}
	if c.ID.Field != "" {
		r.id = r.source(c.ID.Field)
	}
	names := slices.Sorted(slices.Values(c.Key))
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		return fmt.Errorf("key: %q names a field twice", c.Key)
	}
	for _, name := range names {
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return fmt.Errorf("key: %q: %w", name, err)
		}
		r.key = append(r.key, keyField{name: name, quoted: quoted, source: r.source(name)})
	}
	return nil
}

func (r *route) compileFields(c config.Route) (err error) {
	if r.fields, err = r.fieldList(c.Fields, "fields"); err != nil {
		return err
	}
	r.set, err = r.fieldList(c.OnDelete.Set, "on_delete")
	return err
}

func (r *route) fieldList(list []config.Field, key string) ([]field, error) {
	fields := make([]field, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, c := range list {
		quoted, err := jsontext.AppendQuote(nil, c.To)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %q: %w", key, c.To, err)
		case seen[c.To]:
			return nil, fmt.Errorf("%s: %q stands twice", key, c.To)
		case c.To == "id":
			return nil, fmt.Errorf("%s: \"id\" is the CRM's own id and no field; say where it is found with id: {field: ...}", key)
		}
		seen[c.To] = true
		if c.IDOf != nil {
			continue // compileLate
		}
		f := field{to: c.To, prefix: append(quoted, ':')}
		if c.HasValue {
			if !jsontext.Value(c.Value).IsValid() {
				return nil, fmt.Errorf("%s: %s: the value %q is not JSON", key, c.To, c.Value)
			}
			f.constant = slices.Clone(c.Value)
		} else if err := r.compileSource(&f, c); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", key, c.To, err)
		} else {
			f.omitted = r.counter(c.To, cmp.Or(c.From, c.Expr))
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func (r *route) compileAssociations(c config.Route) error {
	if c.Associations.Field != "" {
		r.from = &field{to: associations, source: r.source(c.Associations.Field), omitted: r.counter(associations, c.Associations.Field)}
	}
	if fixed := c.Associations.Fixed; fixed != nil {
		v := jsontext.Value(slices.Clone(fixed))
		if !v.IsValid() || v.Kind() != '[' {
			return fmt.Errorf("associations: %q is not a JSON array", fixed)
		}
		r.assoc = v
	}
	return nil
}

// associations is what a route's associations are called among its fields.
const associations = "associations"

// counter returns the one counter of a field: also of one that on_delete sets.
func (r *route) counter(field, from string) *omitted {
	if i := slices.IndexFunc(r.omitted, func(o *omitted) bool { return o.field == field }); i >= 0 {
		return r.omitted[i]
	}
	o := &omitted{field: field, from: from}
	r.omitted = append(r.omitted, o)
	return o
}

// source compiles a path and reserves its columns.
func (r *route) source(path string) *source {
	s := &source{path: path}
	for name, rest := range splits(path) {
		column, ok := r.columns[name]
		if !ok {
			column = int32(len(r.columns))
			r.columns[name] = column
		}
		s.tries = append(s.tries, try{name: name, column: column, slot: int32(r.slots), rest: rest})
		r.slots++
	}
	r.sources = append(r.sources, s)
	return s
}

// topics is which topics a route or a skip rule takes.
type topics struct {
	names []string
	regex *regexp.Regexp
}

func compileTopics(c config.Topics) (topics, error) {
	t := topics{names: slices.Clone(c.Names)}
	if c.Regex == "" {
		return t, nil
	}
	re, err := regexp.Compile(`\A(?:` + c.Regex + `)\z`)
	if err != nil {
		return t, fmt.Errorf("topics.regex: %w", err)
	}
	t.regex = re
	return t, nil
}

func (t topics) take(topic string) bool {
	return slices.Contains(t.names, topic) || t.regex != nil && t.regex.MatchString(topic)
}
