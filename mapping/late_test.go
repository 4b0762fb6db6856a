package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// ledgered makes a route decide late: the ledger knows the record, or a search by email.
func ledgered(r *config.Route) {
	r.ID = config.ID{Ways: []config.IDWay{config.IDField, config.IDLedger, config.IDMatch}, Field: "crm_id",
		Match: []config.Match{{Field: "email", From: "email"}}}
}

func upserting(r *config.Route) {
	r.OnCreate, r.OnUpdate, r.OnSnapshot = config.ActionUpsert, config.ActionUpsert, config.ActionUpsert
}

// companies is a route whose records others point to.
func companies(r *config.Route) {
	r.Name, r.Topics = "companies", config.Topics{Names: []string{"shop.public.companies"}}
	r.To.Object, r.Key = "company", []string{"id"}
	r.ID = config.ID{Ways: []config.IDWay{config.IDLedger}}
}

// showLate renders what a late write is decided by.
func showLate(w *model.Write) string {
	n := w.Identity
	parts := []string{w.Want.String(), n.Key}
	add := func(name, text string) {
		if text != "" {
			parts = append(parts, name+"="+text)
		}
	}
	if n.Upsert {
		parts = append(parts, "upsert")
	}
	if n.Deleted {
		parts = append(parts, "deleted")
	}
	add("given", n.Given)
	add("group", n.Group)
	add("match", n.Match)
	add("update", n.Update)
	add("insert", n.Insert)
	if n.Refused != nil {
		add("refused", n.Refused.Code)
	}
	add("associations", n.Associations)
	for _, p := range n.Parents {
		add("parent", fmt.Sprintf("%s/%s %s|%s|%s", p.Space.Object, p.Key, p.Field, p.Before, p.After))
		if p.Clear {
			parts = append(parts, "clear")
		}
	}
	return strings.Join(parts, " ")
}

func TestWhatALateWriteIsDecidedBy(t *testing.T) {
	t.Parallel()
	byTenant := func(r *config.Route) { r.To.Group = config.Group{Field: "tenant"} }
	linked := func(r *config.Route) {
		of := &config.IDOf{Route: "companies", Key: []config.KeyPart{{From: "company_id"}}}
		r.Fields = append(r.Fields, config.Field{To: "accountid", IDOf: of})
		r.Associations.Linked = []config.Linked{{Before: `{"to":{"id":"`, After: `"}}`, IDOf: *of}}
	}
	associated := func(r *config.Route) { r.Associations.Fixed = []byte(`[{"to":{"id":"1"}}]`) }
	required := func(r *config.Route) {
		r.Fields = []config.Field{{To: "email", From: "email"}, {To: "name", From: "name", Required: true}, {To: "stage", From: "stage", HasDefault: true, Default: []byte(`"lead"`)}}
	}
	for _, c := range []struct {
		name, key, value string
		edits            []func(*config.Route)
		want             string
	}{
		{name: "create", value: debeziumEvent("c", "null", `{"id":7,"email":"a@b.c"}`),
			want: `create {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c"`},
		{name: "upsert", edits: []func(*config.Route){upserting}, value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c"}`),
			want: `update {"id":7} upsert group=acme match="email":"a@b.c" update="email":"a@b.c"`},
		{name: "given id", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c","crm_id":501}`),
			want: `update {"id":7} given=501 group=acme match="email":"a@b.c" update="email":"a@b.c"`},
		{name: "nothing to search by", value: debeziumEvent("c", "null", `{"id":7,"email":null,"name":"Ann"}`), edits: []func(*config.Route){fields("name", "name")},
			want: `create {"id":7} group=acme update="name":"Ann"`},
		{name: "a delete tells neither id nor group", value: debeziumEvent("d", `{"id":7,"email":"","tenant":""}`, "null"), edits: []func(*config.Route){byTenant},
			want: `delete {"id":7} deleted`},
		{name: "a full delete tells both", value: debeziumEvent("d", `{"id":7,"email":"a@b.c","tenant":"t1","crm_id":"9"}`, "null"), edits: []func(*config.Route){byTenant, beforeFull},
			want: `delete {"id":7} deleted given=9 group=t1 match="email":"a@b.c"`},
		{name: "an update that may be a create has both", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c","name":"Ann"}`), edits: []func(*config.Route){upserting, required},
			want: `update {"id":7} upsert group=acme match="email":"a@b.c" update="email":"a@b.c","name":"Ann" insert="email":"a@b.c","name":"Ann","stage":"lead"`},
		{name: "an update that could be no create", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c"}`), edits: []func(*config.Route){upserting, required},
			want: `update {"id":7} upsert group=acme match="email":"a@b.c" update="email":"a@b.c" refused=required`},
		{name: "a parent", value: debeziumEvent("c", "null", `{"id":7,"email":"a@b.c","company_id":3}`), edits: []func(*config.Route){linked},
			want: `create {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c"` +
				` parent=company/{"id":3} accountid|"accountid":"|" parent=company/{"id":3} |{"to":{"id":"|"}}`},
		{name: "no parent any more", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c","company_id":null}`), edits: []func(*config.Route){linked},
			want: `update {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c" parent=company/ accountid|"accountid":"|" clear`},
		{name: "an update has no associations", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c","company_id":3}`), edits: []func(*config.Route){linked, associated},
			want: `update {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c" parent=company/{"id":3} accountid|"accountid":"|"`},
		{name: "but where a record that is gone is created anew", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c","company_id":3}`),
			edits: []func(*config.Route){linked, associated, func(r *config.Route) { r.OnGone = config.GoneRecreate }},
			want: `update {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c" associations={"to":{"id":"1"}}` +
				` parent=company/{"id":3} accountid|"accountid":"|" parent=company/{"id":3} |{"to":{"id":"|"}}`},
		{name: "nothing said of the parent", value: debeziumEvent("u", "null", `{"id":7,"email":"a@b.c"}`), edits: []func(*config.Route){linked},
			want: `update {"id":7} group=acme match="email":"a@b.c" update="email":"a@b.c"`},
		{name: "a delete that sets fields links nothing", value: debeziumEvent("d", `{"id":7,"email":"a@b.c","company_id":3}`, "null"),
			edits: []func(*config.Route){linked, beforeFull, func(r *config.Route) {
				r.OnDelete = config.OnDelete{Set: []config.Field{{To: "status", HasValue: true, Value: []byte(`"gone"`)}}}
			}},
			want: `update {"id":7} deleted group=acme match="email":"a@b.c" update="status":"gone"`},
		{name: "a parent that stayed, of an update that may be a create",
			value: debeziumEvent("u", `{"id":7,"email":"a@b.c","name":"Ann","company_id":3}`, `{"id":7,"email":"a@b.c","name":"Bo","company_id":3}`),
			edits: []func(*config.Route){fields("email", "email", "name", "name"), linked, upserting, beforeFull, changedOnly},
			want: `update {"id":7} upsert group=acme match="email":"a@b.c" update="name":"Bo" insert="email":"a@b.c","name":"Bo"` +
				` parent=company/{"id":3} accountid|"accountid":"|" parent=company/{"id":3} |{"to":{"id":"|"}}`},
		{name: "a parent that stayed, of a row that is there", value: debeziumEvent("u", `{"id":7,"email":"a@b.c","company_id":3}`, `{"id":7,"email":"x@b.c","company_id":3}`),
			edits: []func(*config.Route){linked, beforeFull, changedOnly},
			want:  `update {"id":7} group=acme match="email":"x@b.c" update="email":"x@b.c"`},
		{name: "another key of the record", key: `{"b":1,"a":"x"}`, value: debeziumEvent("c", "null", `{"email":"a@b.c"}`),
			want: `create {"a":"x","b":1} group=acme match="email":"a@b.c" update="email":"a@b.c"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, []config.Route{
				routed(config.EnvelopeDebezium, append([]func(*config.Route){ledgered}, c.edits...)...), routed(config.EnvelopeDebezium, companies),
			})
			k := c.key
			if k == "" {
				k = `{"id":7}`
			}
			items := m.Map(record(k, c.value), nil)
			if len(items) != 1 || items[0].Write == nil {
				t.Fatalf("%s", showAll(items))
			}
			w := items[0].Write
			if got := showLate(w); got != c.want {
				t.Errorf("got\n %s\nwant\n %s", got, c.want)
			}
			if w.Type != model.Undecided || w.Identity.Space.String() != "hubspot/contact/"+testTopic {
				t.Errorf("type %s in space %s", w.Type, w.Identity.Space)
			}
		})
	}
}

// An association is said once, of what is created: a row of which nothing else changed is not
// updated for it, and one whose parent stayed neither.
func TestAnUpdateGoesForItsParentsAloneWhereItSendsThem(t *testing.T) {
	t.Parallel()
	of := config.IDOf{Route: "companies", Key: []config.KeyPart{{From: "company_id"}}}
	field := func(r *config.Route) { r.Fields = append(r.Fields, config.Field{To: "accountid", IDOf: &of}) }
	association := func(r *config.Route) {
		r.Associations.Linked = []config.Linked{{Before: `{"to":{"id":"`, After: `"}}`, IDOf: of}}
	}
	for _, c := range []struct {
		name, after string
		edit        func(*config.Route)
		sent        bool
	}{
		{"another parent of a field", `{"id":7,"email":"a@b.c","company_id":4}`, field, true},
		{"the same parent of a field", `{"id":7,"email":"a@b.c","company_id":3}`, field, false},
		{"another parent of an association", `{"id":7,"email":"a@b.c","company_id":4}`, association, false},
	} {
		m := mustNew(t, []config.Route{
			routed(config.EnvelopeDebezium, ledgered, upserting, beforeFull, changedOnly, c.edit), routed(config.EnvelopeDebezium, companies),
		})
		items := m.Map(record(`{"id":7}`, debeziumEvent("u", `{"id":7,"email":"a@b.c","company_id":3}`, c.after)), nil)
		if len(items) != 1 || (items[0].Write != nil) != c.sent || !c.sent && items[0].Fate.Kind != model.Unchanged {
			t.Errorf("%s: %s", c.name, showAll(items))
		}
	}
}

// A misspelt column of an id_of would else link nothing without an error anywhere.
func TestRowsThatLackTheKeyOfAParentAreCounted(t *testing.T) {
	t.Parallel()
	of := config.IDOf{Route: "companies", Key: []config.KeyPart{{From: "company_id"}}}
	m := mustNew(t, []config.Route{
		routed(config.EnvelopeDebezium, ledgered, func(r *config.Route) {
			r.Fields = append(r.Fields, config.Field{To: "accountid", IDOf: &of})
			r.Associations.Linked = []config.Linked{{Before: `{"to":{"id":"`, After: `"}}`, IDOf: of}}
		}),
		routed(config.EnvelopeDebezium, companies),
	})
	const unsent = `{"id":7,"email":"a@b.c","company_id":"__debezium_unavailable_value"}`
	for _, event := range []string{
		debeziumEvent("c", "null", `{"id":7,"email":"a@b.c"}`), debeziumEvent("u", "null", `{"id":7,"email":"a@b.c"}`), debeziumEvent("u", "null", unsent),
		debeziumEvent("c", "null", `{"id":7,"email":"a@b.c","company_id":null}`), debeziumEvent("d", `{"id":7}`, "null"),
	} {
		m.Map(record(`{"id":7}`, event), nil)
	}
	want := []AbsentCount{
		{Route: "customers", Field: "accountid", From: "company_id", Absent: 2, PlaceholderUpdates: 1},
		{Route: "customers", Field: "associations", From: "company_id", Absent: 1}, // an update has none
	}
	if got := m.Absent(); !slices.Equal(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// conflicts returns the conflict set of the only write of a record.
func conflicts(t *testing.T, m *Mapper, r *model.Record) []model.Conflict {
	t.Helper()
	items := m.Map(r, nil)
	if len(items) != 1 || items[0].Write == nil {
		t.Fatalf("%s", showAll(items))
	}
	return items[0].Write.Conflicts
}

func TestTwoRowsWithOneMatchValueConflict(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, ledgered)})
	share := func(a, b string) bool {
		x := conflicts(t, m, record(`{"id":1}`, debeziumEvent("c", "null", a)))
		y := conflicts(t, m, record(`{"id":2}`, debeziumEvent("c", "null", b)))
		return slices.ContainsFunc(x, func(c model.Conflict) bool { return slices.Contains(y, c) })
	}
	if !share(`{"id":1,"email":"a@b.c"}`, `{"id":2,"email":"a@b.c"}`) {
		t.Error("both would search, find nothing, and create")
	}
	if share(`{"id":1,"email":"a@b.c"}`, `{"id":2,"email":"x@b.c"}`) {
		t.Error("rows with different values wait for each other")
	}
	if share(`{"id":1,"email":null}`, `{"id":2,"email":null}`) {
		t.Error("rows without a value wait for each other")
	}
}

func TestAnIdentitySpaceIsSharedByTopics(t *testing.T) {
	t.Parallel()
	other := "erp.customers"
	route := func(name, topic string, space string) config.Route {
		return routed(config.EnvelopeDebezium, ledgered, func(r *config.Route) {
			r.Name, r.Topics.Names, r.IdentitySpace = name, []string{topic}, space
		})
	}
	meet := func(space string) bool {
		m := mustNew(t, []config.Route{route("a", testTopic, space), route("b", other, space)})
		x := conflicts(t, m, record(`{"id":1}`, debeziumEvent("c", "null", `{"id":1,"email":"a@b.c"}`)))
		r := record(`{"id":1}`, debeziumEvent("c", "null", `{"id":1,"email":"x@y.z"}`))
		r.Topic = other
		return x[0] == conflicts(t, m, r)[0]
	}
	if !meet("people") {
		t.Error("one row of one space is two")
	}
	if meet("") {
		t.Error("equal keys of two topics are one row")
	}
}

func TestAParentIsLockedByTheConflictOfItsOwnWrites(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{
		routed(config.EnvelopeDebezium, ledgered, func(r *config.Route) {
			r.Fields = append(r.Fields, config.Field{To: "accountid", IDOf: &config.IDOf{Route: "companies", Key: []config.KeyPart{{Field: "id", From: "company_id"}}}})
		}),
		routed(config.EnvelopeDebezium, companies),
	})
	child := m.Map(record(`{"id":7}`, debeziumEvent("c", "null", `{"id":7,"email":"a@b.c","company_id":3}`)), nil)
	parent := record(`{"id":3}`, debeziumEvent("c", "null", `{"id":3,"email":"info@b.c"}`))
	parent.Topic = "shop.public.companies"
	if own := conflicts(t, m, parent)[0]; own != child[0].Write.Identity.Parents[0].Conflict {
		t.Error("the child cannot see that its parent is on its way")
	}
}
