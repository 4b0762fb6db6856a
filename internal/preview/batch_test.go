package preview

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
)

// told shows requests as type×writes.
func told(doc *Document) string {
	var all []string
	for _, r := range doc.Requests {
		all = append(all, fmt.Sprintf("%s×%d", r.Type, len(r.Writes)))
	}
	return strings.Join(all, " ")
}

func TestTheRequestsAreThoseOfABacklog(t *testing.T) {
	t.Parallel()
	var records []model.Record
	add := func(key int, value string) {
		records = append(records, row(int64(len(records)), fmt.Sprintf(`{"id":%d}`, key), value))
	}
	for key := range 250 {
		add(key, `{"email":"x"}`)
	}
	for key := range 30 { // behind the creates of the same keys
		add(key, fmt.Sprintf(`{"email":"y","crm_id":"c%d"}`, key))
	}
	doc := previewed(t, configured(t, contacts), captureOf(t, records...))
	if got := told(doc); got != "create×100 create×100 create×50 update×30" {
		t.Errorf("the requests are %s", got)
	}
	small := strings.Replace(contacts, "    headers:", "    batch: {size: 40}\n    headers:", 1)
	if got := told(previewed(t, configured(t, small), captureOf(t, records...))); got != strings.Repeat("create×40 ", 6)+"create×10 update×30" {
		t.Errorf("with a size of 40 the requests are %s", got)
	}
}

// A key is in one request at a time, in the order of its partition, and a delete goes alone.
func TestWritesOfOneKeyStandInTheirOrder(t *testing.T) {
	t.Parallel()
	var records []model.Record
	for i := range 6 {
		records = append(records, row(int64(i), fmt.Sprintf(`{"id":%d}`, i%2), fmt.Sprintf(`{"email":"%d","crm_id":"c%d"}`, i, i%2)))
	}
	deletes := row(6, `{"crm_id":"c0"}`, "")
	deletes.Value = nil
	doc := previewed(t, configured(t, contacts), captureOf(t, append(records, deletes)...))
	if got := told(doc); got != "update×2 update×2 update×2 delete×1" {
		t.Errorf("the requests are %s", got)
	}
	last := int64(-1)
	for _, r := range doc.Requests {
		for _, w := range r.Writes {
			if w.Offset < last {
				t.Errorf("offset %d comes behind %d", w.Offset, last)
			}
			last = w.Offset
		}
	}
}

// A write whose type depends on what is known of its record has no body yet; nothing
// of it is passed over.
func TestWhatIsNotDecidedYetIsShownAsWhatItCanBe(t *testing.T) {
	t.Parallel()
	c := configured(t, contacts)
	mapper, err := mapping.New(c.Routes, c.Skip)
	if err != nil {
		t.Fatal(err)
	}
	api, err := encoder(c.Ampersand)
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{config: c, mapper: mapper, api: api, positions: make(map[*model.Write]Position), doc: &Document{Version: Version}}
	for i, want := range []model.Type{model.Create, model.Update, model.Delete, model.Create, model.Create} {
		w := &model.Write{Route: "contacts", Destination: model.Destination{Integration: "hubspot", Group: "acme", Object: "contact"}, Want: want, Fields: `"email":"x"`, Source: model.Keep(new(row(int64(i), "k", "v")))}
		w.SetConflicts(model.Conflict(i))
		if i == 4 {
			w.Type = model.Create
		}
		m.writes = append(m.writes, w)
		m.positions[w] = Position{Route: "contacts", Topic: "contacts", Offset: int64(i)}
	}
	if err := m.requests(); err != nil {
		t.Fatal(err)
	}
	m.doc.Summary = m.summary()
	if got := told(m.doc); got != "create×1 undecided×2 undecided×1 undecided×1" {
		t.Errorf("the requests are %s", got)
	}
	if m.doc.Summary.Writes["undecided"] != 4 || m.doc.Requests[1].Body != nil {
		t.Errorf("%+v", m.doc.Summary)
	}
	for _, form := range []string{table(t, m.doc, 0), jsonOf(t, m.doc)} {
		for _, want := range []string{"create or update", "delete, if the record is known", "undecided"} {
			if !strings.Contains(form, want) {
				t.Errorf("%q is not said: %s", want, form)
			}
		}
	}
}
