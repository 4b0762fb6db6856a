package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// What Debezium writes for a row whose primary key changed from 7 to 8.
const (
	newKey  = `{"id":8}`
	movedTo = `{"id":8,"crm_id":"501","email":"a@b.c"}`
)

func onKeyChange(word config.OnKeyChange, edits ...func(*config.Route)) func(*config.Route) {
	return func(r *config.Route) {
		r.OnKeyChange = word
		for _, edit := range edits {
			edit(r)
		}
	}
}

func TestChangesOfThePrimaryKey(t *testing.T) {
	t.Parallel()
	gone, came := []string{"__debezium.newkey", newKey}, []string{"__debezium.oldkey", testKey}
	withSchemas := []string{"__debezium.oldkey", withSchema(testKey)}
	del, create := debeziumEvent("d", testRow, "null"), debeziumEvent("c", "null", movedTo)
	const move, recreate, letter = config.KeyChangeMove, config.KeyChangeRecreate, config.KeyChangeDeadLetter
	toast := fields("email", "email", "notes", "notes")
	large := debeziumEvent("c", "null", `{"id":8,"crm_id":"501","email":"a@b.c","notes":`+unavailableString+`}`)
	required := func(r *config.Route) { toast(r); r.Fields[1].Required = true }
	moved := `update id=501 {"email":"a@b.c"}`
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "moves unless it is told", key: testKey, value: del, headers: gone, want: "skip customers.on_key_change"},
		{name: "move, delete", edit: onKeyChange(move), key: testKey, value: del, headers: gone, want: "skip customers.on_key_change"},
		{name: "move, tombstone", edit: onKeyChange(move, func(r *config.Route) { r.OnTombstone = config.ActionDelete }), key: testKey, value: null, headers: gone, want: "skip customers.on_key_change"},
		{name: "move, create", edit: onKeyChange(move), key: newKey, value: create, headers: came, want: moved},
		{name: "move, schemas everywhere", edit: onKeyChange(move), key: withSchema(newKey), value: withSchema(create), headers: withSchemas, want: moved},
		{name: "move, the placeholder is left out", edit: onKeyChange(move, toast), key: newKey, value: large, headers: came, want: moved},
		{name: "move, the placeholder of a required field", edit: onKeyChange(move, required), key: newKey, value: large, headers: came, want: moved},
		{name: "move, updates ignored", edit: onKeyChange(move, func(r *config.Route) { r.OnUpdate = config.ActionIgnore }), key: newKey, value: create, headers: came, want: "skip customers.on_update"},
		{name: "move, creates ignored", edit: onKeyChange(move, func(r *config.Route) { r.OnCreate = config.ActionIgnore }), key: newKey, value: create, headers: came, want: moved},
		{name: "move without a CRM id", edit: onKeyChange(move), key: newKey, value: debeziumEvent("c", "null", `{"id":8,"crm_id":null,"email":"a@b.c"}`), headers: came,
			want: "refuse no_id crm_id", says: []string{"primary key changed", "on_key_change: move"}},
		{name: "move, a header that is no key", edit: onKeyChange(move), key: newKey, value: create, headers: []string{"__debezium.oldkey", "{"}, want: "refuse key_change __debezium.oldkey", says: []string{"expected the key before"}},
		{name: "move, a header that is null", edit: onKeyChange(move), key: newKey, value: create, headers: []string{"__debezium.oldkey", "null"}, want: "refuse key_change __debezium.oldkey"},
		{name: "move, an old key without the route's field", edit: onKeyChange(move, key("id", "crm_id")), key: newKey, value: create, headers: came, want: moved},
		{name: "move, the operation is an update's", edit: onKeyChange(move, func(r *config.Route) { r.When = `operation == "update"` }), key: newKey, value: create, headers: came, want: moved},
		{name: "recreate, delete", edit: onKeyChange(recreate, id("id")), key: testKey, value: del, headers: gone, want: "delete id=7"},
		{name: "recreate, tombstone", edit: onKeyChange(recreate), key: testKey, value: null, headers: gone, want: "skip customers.on_tombstone"},
		{name: "recreate, create", edit: onKeyChange(recreate), key: newKey, value: create, headers: came, want: testCreate},
		{name: "recreate, the placeholder of a required field", edit: onKeyChange(recreate, required), key: newKey, value: large, headers: came, want: "refuse required notes"},
		{name: "dead letter, delete", edit: onKeyChange(letter), key: testKey, value: del, headers: gone, want: "refuse key_change __debezium.newkey", says: []string{`from {"id":7} to {"id":8}`}},
		{name: "dead letter, tombstone", edit: onKeyChange(letter), key: testKey, value: null, headers: gone, want: "refuse key_change __debezium.newkey"},
		{name: "dead letter, create", edit: onKeyChange(letter), key: newKey, value: create, headers: came, want: "refuse key_change __debezium.oldkey", says: []string{`from {"id":7} to {"id":8}`}},
		{name: "an update is none", edit: onKeyChange(letter), key: newKey, value: debeziumEvent("u", "null", movedTo), headers: came, want: moved},
	})
	runMapped(t, config.EnvelopeDebeziumFlat, []mapped{
		{name: "flat, move, null", edit: onKeyChange(move, id("id")), key: testKey, value: "null", headers: gone, want: "skip customers.on_key_change"},
		{name: "flat, move, row", edit: onKeyChange(move), key: newKey, value: movedTo, headers: append([]string{"__op", "c"}, came...), want: moved},
		{name: "flat, move, row without its operation", edit: onKeyChange(move), key: newKey, value: movedTo, headers: came, want: moved},
		{name: "flat, move, rewritten", edit: onKeyChange(move), key: testKey, value: `{"id":7,"__deleted":"true"}`, headers: gone, want: "skip customers.on_key_change"},
		{name: "flat, recreate, row without its operation", edit: onKeyChange(recreate), key: newKey, value: movedTo, headers: came, want: testCreate},
		{name: "flat, recreate, null", edit: onKeyChange(recreate, id("id")), key: testKey, value: "null", headers: gone, want: "delete id=7"},
	})
}

// A row that was moved may be overtaken under neither key.
func TestAMovedRowConflictsWithBothOfItsKeys(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{nil, {"id"}} {
		m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, key(keys...), onKeyChange(config.KeyChangeMove))})
		before := conflictOf(t, m, record(testKey, debeziumEvent("u", "null", testRow)))
		after := conflictOf(t, m, record(newKey, debeziumEvent("u", "null", movedTo)))
		moved := conflictOf(t, m, record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", withSchema(testKey)))
		if len(moved) != 3 || moved[0] != after[0] || moved[1] != before[0] || moved[2] != after[1] {
			t.Errorf("key %q: conflicts %v of the moved row, %v before and %v after", keys, moved, before, after)
		}
	}
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, key("crm_id"))})
	if moved := conflictOf(t, m, record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", testKey)); len(moved) != 2 {
		t.Errorf("a key of the route that did not change is %d conflicts", len(moved)-1)
	}
}

// Debezium's headers have decimals as numbers, where keys have their unscaled value in base64.
func TestAnOldKeyWithDecimalsIsTheKeyThatTheRowHad(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium)})
	for header, former := range map[string]string{
		`{"id":1.53}`: `{"id":"AJk="}`, `{"id":1.530}`: `{"id":"Bfo="}`, `{"id":0.00}`: `{"id":"AA=="}`, `{"id":-1}`: `{"id":"/w=="}`, `{"id":-1.28}`: `{"id":"gA=="}`,
		`{"id":-1.29}`: `{"id":"/38="}`, `{"id":1.27}`: `{"id":"fw=="}`, `{"id":1.28}`: `{"id":"AIA="}`, `{"id":1E-10}`: `{"id":"AQ=="}`, `{"id":1.2E+3}`: `{"id":"DA=="}`,
		`{"id":12345678901234567890.12}`:        `{"id":"Qu0SOwvYIDoU"}`,
		`{"id": 1.53, "n": 7, "text": "1.53" }`: `{"id":"AJk=","n":7,"text":"1.53"}`,
	} {
		now := strings.Replace(former, `{"id":"`, `{"id":"AAAA`, 1) // a row with the same columns in its key
		before := conflictOf(t, m, record(former, debeziumEvent("u", "null", testRow)))
		for _, key := range []string{now, withSchema(now)} {
			if moved := conflictOf(t, m, record(key, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", header)); len(moved) != 3 || moved[1] != before[0] {
				t.Errorf("%s: conflicts %v, want that of the key %s: %v", header, moved, former, before)
			}
		}
	}
}

// ExtractField makes the key of a record its one value, and leaves the header as it is.
func TestAnOldKeyIsTheValueThatWasTakenOutOfIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ header, former, now string }{
		{testKey, `7`, `8`},
		{testKey, withSchema(`7`), withSchema(`8`)},
		{`{"id":"a\u0022b"}`, `"a\"b"`, `"c"`},
		{`{"id":"a\u0022b"}`, `a"b`, `c`},
		{`{"id":"7"}`, `7`, `8`},
		{`{"id":1.53}`, `"AJk="`, `"AJo="`},
	} {
		m := mustNew(t, []config.Route{routed(config.EnvelopeDebeziumFlat)})
		before := conflictOf(t, m, record(c.former, movedTo, "__op", "u"))
		if moved := conflictOf(t, m, record(c.now, movedTo, "__debezium.oldkey", c.header)); len(moved) != 3 || moved[1] != before[0] {
			t.Errorf("%s: conflicts %v, want that of the key %s: %v", c.header, moved, c.former, before)
		}
	}
	// The route's own key is in the header.
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebeziumFlat, key("id"))})
	before := conflictOf(t, m, record(`7`, testRow, "__op", "u"))
	if moved := conflictOf(t, m, record(`8`, movedTo, "__debezium.oldkey", testKey)); len(moved) != 3 || moved[1] != before[0] {
		t.Errorf("conflicts %v, want that of the route's key: %v", moved, before)
	}
	// Several values are no one value.
	if moved := conflictOf(t, mustNew(t, []config.Route{routed(config.EnvelopeDebeziumFlat)}), record(`8`, movedTo, "__debezium.oldkey", `{"a":1,"b":2}`)); len(moved) != 3 {
		t.Errorf("conflicts %v", moved)
	}
}

// Where a key changes within an update, the before image tells the old one.
func TestAnUpdateOfTheKeyIsAMove(t *testing.T) {
	t.Parallel()
	value := func(old string) string { return `{"type":"update","data":` + movedTo + `,"old":` + old + `}` }
	m := mustNew(t, []config.Route{routed(config.EnvelopeMaxwell, key("id"))})
	before := conflictOf(t, m, record(null, `{"type":"insert","data":`+testRow+`}`))
	if moved := conflictOf(t, m, record(null, value(`{"id":7}`))); len(moved) != 3 || moved[1] != before[0] {
		t.Errorf("conflicts %v, want the key before too: %v", moved, before)
	}
	if kept := conflictOf(t, m, record(null, value(`{"email":"x"}`))); len(kept) != 2 {
		t.Errorf("conflicts %v of a key that stays", kept)
	}
	runMapped(t, config.EnvelopeMaxwell, []mapped{
		{name: "dead letter", edit: onKeyChange(config.KeyChangeDeadLetter, key("id")), key: null, value: value(`{"id":7}`), want: "refuse key_change id", says: []string{`{"id":7}`}},
		{name: "dead letter, a key that stays", edit: onKeyChange(config.KeyChangeDeadLetter, key("id")), key: null, value: value(`{"email":"x"}`), want: `update id=501 {"email":"a@b.c"}`},
		{name: "move", edit: key("id"), key: null, value: value(`{"id":7}`), want: `update id=501 {"email":"a@b.c"}`},
	})
}

// Where the source logs whole rows, as the route says, a before image proves the same: of a table without a
// key, or of a route that names other fields than the table's key.
func TestAWholeBeforeImageProvesAMove(t *testing.T) {
	t.Parallel()
	value := func(before string) string { return debeziumEvent("u", before, movedTo) }
	moves := func(before string, edits ...func(*config.Route)) bool {
		m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, append(edits, key("id"))...)})
		was := conflictOf(t, m, record(null, debeziumEvent("c", "null", testRow)))
		moved := conflictOf(t, m, record(null, value(before)))
		return len(moved) == 3 && moved[1] == was[0]
	}
	if !moves(testRow, beforeFull) {
		t.Error("an update of the key is no move")
	}
	if moves(testRow) {
		t.Error("a before image that nobody says is whole is believed")
	}
	if moves(movedTo, beforeFull) || moves("null", beforeFull) {
		t.Error("a key that stays is a move")
	}
	// The record's key may write a value otherwise than the row does.
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, beforeFull, key("id"))})
	if kept := conflictOf(t, m, record(`{"id":"8"}`, value(movedTo))); len(kept) != 2 {
		t.Errorf("conflicts %v of a key that stays", kept)
	}
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "dead letter", edit: onKeyChange(config.KeyChangeDeadLetter, beforeFull, key("id")), key: null, value: value(testRow), want: "refuse key_change id", says: []string{`{"id":7}`}},
	})
}

// The ledger knows the record of a moved row by the key that the row had.
func TestAMovedRowTellsTheLedgerItsFormerKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		route  config.Route
		record *model.Record
		former string
	}{
		"Debezium":              {routed(config.EnvelopeDebezium), record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", testKey), testKey},
		"Debezium, route's key": {routed(config.EnvelopeDebezium, key("id")), record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", withSchema(testKey)), testKey},
		"Debezium, recreate":    {routed(config.EnvelopeDebezium, onKeyChange(config.KeyChangeRecreate)), record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", testKey), ""},
		"Debezium, no change":   {routed(config.EnvelopeDebezium), record(newKey, debeziumEvent("c", "null", movedTo)), ""},
		"Debezium, in place":    {routed(config.EnvelopeDebezium, key("id"), beforeFull), record(null, debeziumEvent("u", testRow, movedTo)), testKey},
		"Sequin": {routed(config.EnvelopeSequin, key("id"), beforeFull),
			record(null, `{"record":`+movedTo+`,"action":"update","changes":{"id":7},"metadata":{"table_name":"customers"}}`), testKey},
		"DMS": {routed(config.EnvelopeDMS, key("id"), beforeFull),
			record(null, `{"data":`+movedTo+`,"metadata":{"record-type":"data","operation":"update"},"before-image":`+testRow+`}`), testKey},
		"flattened":              {routed(config.EnvelopeDebeziumFlat), record(newKey, movedTo, "__debezium.oldkey", testKey), testKey},
		"Maxwell":                {routed(config.EnvelopeMaxwell, key("id")), record(null, `{"type":"update","data":`+movedTo+`,"old":{"id":7}}`), testKey},
		"Maxwell, another field": {routed(config.EnvelopeMaxwell, key("id")), record(null, `{"type":"update","data":`+movedTo+`,"old":{"email":"x"}}`), ""},
	} {
		ledgered(&c.route)
		upserting(&c.route)
		it := mustNew(t, []config.Route{c.route}).Map(c.record, nil)[0]
		if it.Write == nil {
			t.Fatalf("%s: %s", name, show(it))
		}
		n := it.Write.Identity
		if n.Key != newKey || n.Former != c.former {
			t.Errorf("%s: key %s and former %q, want %s and %q", name, n.Key, n.Former, newKey, c.former)
		}
		want := model.Create
		if c.former != "" || name == "Maxwell, another field" {
			want = model.Update
		}
		if it.Write.Want != want {
			t.Errorf("%s: %v, want %v", name, it.Write.Want, want)
		}
	}
}

// A change of the key that leads to no write still carries what the ledger knows of the row to its new key: its
// fate is the one it had, and waits for both keys.
func TestAMovedRowThatIsNotWrittenIsCarriedToItsNewKey(t *testing.T) {
	t.Parallel()
	came := []string{"__debezium.oldkey", testKey}
	create, update := debeziumEvent("c", "null", movedTo), debeziumEvent("u", testRow, movedTo)
	when := func(r *config.Route) { r.When = `email == "x"` }
	failing := func(r *config.Route) { r.When = `email + 1 > 2` }
	ignored := func(r *config.Route) { r.OnUpdate = config.ActionIgnore }
	unchanged := func(r *config.Route) { r.Update, r.Fields = config.UpdateChanged, fieldsOf("email", "none") }
	short := func(r *config.Route) {
		r.Fields[0].MaxLength = &config.MaxLength{Characters: 2, Over: config.OverReject}
	}
	required := func(r *config.Route) { r.Fields[0].Required = true }
	grouped := func(r *config.Route) { r.To.Group = config.Group{Field: "tenant"} }
	nothing := func(r *config.Route) { r.Fields = fieldsOf("name", "name") }
	inPlace := func(edit func(*config.Route)) func(*config.Route) {
		return func(r *config.Route) { edit(r); beforeFull(r); key("id")(r) }
	}
	for name, c := range map[string]struct {
		edit        func(*config.Route)
		value, want string
		headers     []string
		notCarried  bool
	}{
		"when":                             {edit: when, value: create, headers: came, want: "skip customers.when"},
		"when, the route's key":            {edit: func(r *config.Route) { when(r); key("id")(r) }, value: create, headers: came, want: "skip customers.when"},
		"when that fails":                  {edit: failing, value: create, headers: came, want: "refuse expression when"},
		"updates ignored":                  {edit: ignored, value: create, headers: came, want: "skip customers.on_update"},
		"too long":                         {edit: short, value: create, headers: came, want: "refuse too_long email"},
		"required":                         {edit: required, value: debeziumEvent("c", "null", `{"id":8,"email":null}`), headers: came, want: "refuse required email"},
		"no group":                         {edit: grouped, value: create, headers: came, want: "refuse no_group tenant"},
		"no fields":                        {edit: nothing, value: create, headers: came, want: "refuse no_fields"},
		"in place, when":                   {edit: inPlace(when), value: update, want: "skip customers.when"},
		"in place, updates ignored":        {edit: inPlace(ignored), value: update, want: "skip customers.on_update"},
		"in place, unchanged":              {edit: inPlace(unchanged), value: update, want: "unchanged"},
		"in place, too long":               {edit: inPlace(short), value: update, want: "refuse too_long email"},
		"the row's key stays":              {edit: inPlace(when), value: debeziumEvent("u", movedTo, movedTo), want: "skip customers.when", notCarried: true},
		"no key changed":                   {edit: when, value: create, want: "skip customers.when", notCarried: true},
		"an old key that cannot be read":   {edit: when, value: create, headers: []string{"__debezium.oldkey", "{"}, want: "refuse key_change __debezium.oldkey", notCarried: true},
		"recreate":                         {edit: onKeyChange(config.KeyChangeRecreate, when), value: create, headers: came, want: "skip customers.when", notCarried: true},
		"dead letter":                      {edit: onKeyChange(config.KeyChangeDeadLetter, when), value: create, headers: came, want: "refuse key_change __debezium.oldkey", notCarried: true},
		"dead letter, in place":            {edit: onKeyChange(config.KeyChangeDeadLetter, inPlace(short)), value: update, want: "refuse key_change id", notCarried: true},
		"dead letter, in place, when":      {edit: onKeyChange(config.KeyChangeDeadLetter, inPlace(when)), value: update, want: "skip customers.when", notCarried: true},
		"a key that the row does not tell": {edit: func(r *config.Route) { when(r); key("nokey")(r) }, value: create, headers: came, want: "skip customers.when", notCarried: true},
		"no ledger":                        {edit: func(r *config.Route) { when(r); r.ID = config.ID{Field: "crm_id"} }, value: create, headers: came, want: "skip customers.when", notCarried: true},
	} {
		route := routed(config.EnvelopeDebezium, ledgered, upserting, c.edit)
		written := routed(config.EnvelopeDebezium, ledgered, upserting, key(route.Key...), func(r *config.Route) { r.Name, r.Before = "written", route.Before })
		items := mustNew(t, []config.Route{route, written}).Map(record(newKey, c.value, c.headers...), nil)
		it := items[0]
		w := it.Write
		it.Write = nil
		if got := show(it); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if (w == nil) != c.notCarried {
			t.Errorf("%s: carried is %v", name, w != nil)
		}
		if w == nil {
			continue
		}
		n := w.Identity
		if n.Key != newKey || n.Former != testKey || n.Ends == nil || *n.Ends != it.Fate || w.Name != it.Name || w.Route != it.Route {
			t.Errorf("%s: %s carries from %q to %q and ends as %+v", name, w.Route, n.Former, n.Key, n.Ends)
		}
		if keys := items[1].Write.Conflicts[:2]; !slices.Equal(w.Conflicts, keys) {
			t.Errorf("%s: it waits for %v, and what is written for %v first", name, w.Conflicts, keys)
		}
		if back := w.Source.Record(); string(back.Value) != c.value {
			t.Errorf("%s: the kept record differs: %s", name, back.Value)
		}
	}
}

// Each route of a topic carries what its own ledger rows are, beside routes that write.
func TestAMovedRowIsCarriedByEachRouteThatDoesNotWriteIt(t *testing.T) {
	t.Parallel()
	two := func(r *config.Route) { r.Name, r.To.Object, r.When = "two", "company", `email == "x"` }
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, ledgered, upserting), routed(config.EnvelopeDebezium, ledgered, upserting, two)})
	items := m.Map(record(newKey, debeziumEvent("c", "null", movedTo), "__debezium.oldkey", testKey), nil)
	if len(items) != 2 || items[0].Write == nil || items[1].Write == nil || items[0].Write.Source != items[1].Write.Source {
		t.Fatalf("%s", showAll(items))
	}
	one, other := items[0].Write.Identity, items[1].Write.Identity
	if one.Ends != nil || one.Update == "" || other.Ends == nil || other.Update != "" || items[1].Fate.Rule != "two.when" || items[0].Fate.Kind != model.Open {
		t.Errorf("%+v and %+v", one, other)
	}
	if one.Former != other.Former || one.Key != other.Key || other.Space.Object != "company" {
		t.Errorf("%q to %q, and %q to %q in %s", one.Former, one.Key, other.Former, other.Key, other.Space)
	}
}

func TestTruncates(t *testing.T) {
	t.Parallel()
	on := func(word config.OnTruncate) func(*config.Route) { return func(r *config.Route) { r.OnTruncate = word } }
	value := debeziumEvent("t", "null", "null")
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "dead letter unless it is told", key: null, value: value, want: "refuse operation op", says: []string{"on_truncate: ignore"}},
		{name: "dead letter", edit: on(config.TruncateDeadLetter), key: null, value: value, want: "refuse operation op"},
		{name: "ignore", edit: on(config.TruncateIgnore), key: null, value: value, want: "skip customers.on_truncate"},
	})
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, on(config.TruncateStop)), routed(config.EnvelopeDebezium, func(r *config.Route) { r.Name = "two" })})
	items := m.Map(record(null, value), nil)
	if len(items) != 2 || items[0].Fate.Kind != model.Stopped || items[1].Fate.Kind != model.DeadLettered {
		t.Fatalf("%s", showAll(items))
	}
	checkReason(t, items[0].Fate.Reason)
	if again := m.Map(record(null, value), nil); again[0].Fate.Reason == items[0].Fate.Reason || again[1].Fate.Reason == items[1].Fate.Reason {
		t.Error("two records share a reason")
	}
}

// What stands by name under skip is skipped though the pattern of a route takes it too: a
// signal table, whose rows are rows as any.
func TestASkipRuleThatNamesATopicGoesBeforeThePatternOfARoute(t *testing.T) {
	t.Parallel()
	pattern := routed(config.EnvelopeDebezium, func(r *config.Route) { r.Topics = config.Topics{Regex: `shop\.public\..*`} })
	m := mustNew(t, []config.Route{pattern, routed(config.EnvelopeDebezium, func(r *config.Route) { r.Name = "two" })},
		config.SkipRule{Name: "signals", Topics: config.Topics{Names: []string{"shop.public.debezium_signal", testTopic}}},
		config.SkipRule{Name: "rest", Topics: config.Topics{Regex: ".*"}})
	signal := debeziumEvent("c", "null", `{"id":"8d2f","type":"snapshot-window-open","data":"{}"}`)
	for topic, want := range map[string]string{
		"shop.public.debezium_signal": "skip skip.signals",
		"shop.public.orders":          testUpdate,
		testTopic:                     testUpdate, // a route names it too
		"elsewhere":                   "skip skip.rest",
	} {
		value := debeziumEvent("u", "null", testRow)
		if topic == "shop.public.debezium_signal" {
			value = signal
		}
		r := record(testKey, value)
		r.Topic = topic
		if got := showAll(m.Map(r, nil)); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
}
