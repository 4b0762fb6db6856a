package mapping

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// Mapper turns records into items. It serves one goroutine at a time; Clone
// makes one for another goroutine.
type Mapper struct {
	compiled *compiled
	plans    map[string]*plan // by topic
	groups   map[string]string

	// What follows belongs to the record that is being mapped.
	in      input
	key     recordKey
	old     recordKey // the record's key before a change of the primary key
	wasKey  []byte    // the canonical source key that the row of a change had, where it changed
	value   document
	finder  finder
	changes []change
	readBy  reader
	unread  *model.Reason // why readBy refused the record
	entered int           // the nodes of the value when it was read
	at      []int32       // per column of the route: its node, 0 absent, -1 duplicate
	was     []int32       // the same of the row before the update
	types   []*typ        // per slot of the route: what the schema says; nil: no schema
	packer  model.Packer
	packed  bool
	scratch []byte
	pending []draft
	parents []parentDraft // of the drafts that are pending
	quiet   bool          // what is left out is not counted: it was before
	// What expressions are evaluated over: the located row of this change.
	bound     *bound
	change    change
	operation string
	evaluator evaluator
	// omittedNull notes that a null was left out of the fields by the user's rule.
	omittedNull bool
	unvalued    *model.Reason  // why the key or the value could not be decoded
	opened      config.Formats // how they were
	unsettled   []byte
	collected   protoScratch
	awaits      []model.SchemaID
	writers     map[writerKey]*writer
	writerBytes int64
}

// compiled is the configuration, shared by clones.
type compiled struct {
	routes  []*route
	skip    []skipRule
	seed    maphash.Seed
	columns int // of the widest route
	schemas Schemas
}

type skipRule struct {
	fate   model.Fate
	topics topics
}

// plan is what becomes of the records of a topic.
type plan struct {
	routes []bound
	skip   *model.Fate // of the skip rule that covers the topic; nil: none

	keySchemas, valueSchemas schemas
	keyWriter, valueWriter   memo
}

// bound is a route and what follows from the topic.
type bound struct {
	*route
	space    *model.Space
	keySpace []byte // before the source key, in its hash
	idSpace  []byte // before the group and the CRM id, in their hash

	bindings [2]binding // the types of the rows last seen
	order    columnOrder
}

// New compiles the routes. Its errors name the route and the key at fault.
func New(routes []config.Route, skip []config.SkipRule) (*Mapper, error) {
	c := &compiled{seed: maphash.MakeSeed()}
	for _, cr := range routes {
		r, err := compile(cr, routes)
		if err != nil {
			return nil, err
		}
		c.routes = append(c.routes, r)
		c.columns = max(c.columns, len(r.columns))
	}
	for _, cs := range skip {
		t, err := compileTopics(cs.Topics)
		if err != nil {
			return nil, fmt.Errorf("skip %q: %w", cs.Name, err)
		}
		c.skip = append(c.skip, skipRule{fate: model.Skip("skip." + cs.Name), topics: t})
	}
	return newMapper(c), nil
}

func newMapper(c *compiled) *Mapper {
	m := &Mapper{compiled: c, plans: make(map[string]*plan), groups: make(map[string]string), at: make([]int32, c.columns), was: make([]int32, c.columns)}
	m.in.key, m.in.finder = &m.key, &m.finder
	return m
}

// Clone returns a Mapper for another goroutine. Clones share their hashes, so
// that conflict sets agree, and their counters.
func (m *Mapper) Clone() *Mapper { return newMapper(m.compiled) }

// Only makes the Mapper and its later clones take records for the routes of these names alone.
// The other routes are still what an id_of may name. It is called before the first record.
func (m *Mapper) Only(names []string) {
	c := *m.compiled
	c.routes = slices.DeleteFunc(slices.Clone(c.routes), func(r *route) bool { return !slices.Contains(names, r.name) })
	m.compiled = &c
}

// Map appends the items that a record leads to: none for a transaction marker, at
// least one for everything else. The record's bytes are not kept: what the
// writes need of it is copied. A record that leads to one write costs two
// allocations, one that is skipped none.
func (m *Mapper) Map(r *model.Record, items []model.Item) []model.Item {
	if r.Control {
		return items
	}
	p := m.plan(r.Topic)
	if len(p.routes) == 0 {
		return append(items, unrouted(r, p))
	}
	m.pending, m.parents, m.packed, m.awaits = m.pending[:0], m.parents[:0], false, m.awaits[:0]
	for i := range p.routes {
		b := &p.routes[i]
		if i == 0 || b.format != m.opened {
			m.open(r, p, b.format)
			m.in.whole = content{&m.value, m.in.payload, m.in.null}
			m.in.rewind()
		}
		items = m.take(b, p, items)
	}
	m.close(items)
	return items
}

func (m *Mapper) plan(topic string) *plan {
	if p := m.plans[topic]; p != nil {
		return p
	}
	p := new(plan)
	named := m.compiled.skipped(topic)
	for _, r := range m.compiled.routes {
		if r.topics.take(topic) && (!named || slices.Contains(r.topics.names, topic)) {
			space := &model.Space{Integration: r.integration, Object: r.object, Name: cmp.Or(r.space, topic)}
			p.routes = append(p.routes, bound{
				route: r, space: space, keySpace: keySpace(space), idSpace: idSpace(r.integration, r.object),
			})
		}
	}
	for i := range m.compiled.skip {
		if s := &m.compiled.skip[i]; s.topics.take(topic) {
			p.skip = &s.fate
			break
		}
	}
	m.plans[topic] = p
	return p
}

// skipped reports whether a skip rule names the topic: then no pattern of a route
// takes it, only a route that names it too.
func (c *compiled) skipped(topic string) bool {
	return slices.ContainsFunc(c.skip, func(s skipRule) bool { return slices.Contains(s.topics.names, topic) })
}

func unrouted(r *model.Record, p *plan) model.Item {
	item := model.Item{Name: model.NameOf("", 0)}
	if p.skip != nil {
		item.Fate = *p.skip
		return item
	}
	item.Fate = model.Refuse(codeNoRoute, "", "topic %q has no route; expected its name under topics of a route, or of a skip rule", r.Topic)
	return item
}

// open decodes a record.
func (m *Mapper) open(r *model.Record, p *plan, f config.Formats) {
	m.opened, m.readBy = f, nil
	m.in.record, m.in.payload, m.in.null, m.unvalued = r, 0, r.Value == nil, nil
	if f.Key == config.FormatJSON {
		m.key.decode(r.Key, &p.keySchemas)
	} else {
		m.unvalued = m.decodeKey(r.Key, f.Key, &p.keyWriter)
	}
	if m.in.null {
		return
	}
	if f.Value != config.FormatJSON {
		if why := m.decode(&m.value, valuePart(), f.Value, r.Value, &p.valueWriter); why != nil {
			m.unvalued = why
			return
		}
		m.in.null = m.value.nodes[0].kind == kindNull
		return
	}
	m.value.schemas = &p.valueSchemas
	if !m.value.scan(r.Value, indexLevels) {
		m.unvalued = badJSON(&m.value, "", "the value")
		return
	}
	m.in.payload = m.value.payload()
	if !m.value.learn(m.in.payload) {
		m.unvalued = badSchema(&m.value, "")
		return
	}
	m.in.null = m.value.nodes[m.in.payload].kind == kindNull
}

// take appends the items of one route.
func (m *Mapper) take(b *bound, p *plan, items []model.Item) []model.Item {
	item := model.Item{Name: b.item, Route: b.name}
	if m.unvalued != nil {
		item.Fate = refused(clone(m.unvalued))
		return append(items, item)
	}
	m.finder.placeholders = b.placeholders
	if m.readBy != b.reader {
		if m.readBy != nil {
			m.in.rewind()
		}
		m.readBy = b.reader
		m.changes, m.unread = b.reader.read(&m.in, m.changes[:0])
		m.entered = len(m.in.value.nodes)
	}
	if m.unread != nil {
		item.Fate = refused(clone(m.unread))
		if m.unread.Code == codeNotARow {
			item.Fate = b.withoutRow(p, item.Fate)
		}
		return append(items, item)
	}
	for row, c := range m.changes {
		if row > 0 {
			item.Name = model.NameOf(b.name, row)
		}
		item.Operation = named[c.op]
		// A draft is made where it stays: it is too large to be handed around.
		m.pending = append(m.pending, draft{item: len(items), name: item.Name})
		d := &m.pending[len(m.pending)-1]
		if item.Fate = m.draft(d, b, c); item.Fate.Kind != model.Open && !m.carries(d, b, c, item.Fate) {
			m.pending = m.pending[:len(m.pending)-1]
		}
		m.in.value.leave(m.entered)
		items = append(items, item)
	}
	return items
}

// close makes the writes of the record's drafts: they share one copy of the
// record, and a single one also shares its allocation.
func (m *Mapper) close(items []model.Item) {
	r := m.in.record
	switch len(m.pending) {
	case 0:
	case 1:
		items[m.pending[0].item].Write = m.single(&m.pending[0], r)
	default:
		kept := new(model.Kept)
		text := m.packer.Finish(r, kept)
		writes := make([]model.Write, len(m.pending))
		for i := range m.pending {
			m.fill(&m.pending[i], &writes[i], text, kept)
			items[m.pending[i].item].Write = &writes[i]
		}
	}
	// Nothing of the client's buffers stays behind: a slice would pin a whole fetch.
	m.bound = nil
	m.in.record, m.value.text, m.key.text, m.key.bytes = nil, nil, nil, nil
	m.old.text, m.old.bytes, m.in.inner.document.text = nil, nil, nil
	m.in.inner.text = recycled(m.in.inner.text)
	m.finder.reset()
	m.scratch, m.wasKey, m.value.own, m.key.own = recycled(m.scratch), recycled(m.wasKey), recycled(m.value.own), recycled(m.key.own)
}

// single makes the one write of a record, in one allocation with its record.
func (m *Mapper) single(d *draft, r *model.Record) *model.Write {
	if d.route.late == nil {
		single := new(model.Single)
		d.fill(&single.Write, m.packer.Finish(r, &single.Kept), &single.Kept)
		return &single.Write
	}
	single := new(model.LateSingle)
	text := m.packer.Finish(r, &single.Kept)
	d.fill(&single.Write, text, &single.Kept)
	d.identity(&single.Write, &single.Identity, text, m.parents[d.firstParent:])
	return &single.Write
}

func (m *Mapper) fill(d *draft, w *model.Write, text model.Text, kept *model.Kept) {
	d.fill(w, text, kept)
	if d.route.late != nil {
		d.identity(w, new(model.Identity), text, m.parents[d.firstParent:])
	}
}
