package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// base is a configuration that runs. Tests change it by line.
const base = `kafka:
  brokers: [localhost:9092]
  group: crm-sync
ampersand:
  api_key: literal-key
  project: acme
routes:
  - name: contacts
    topics: [shop.contacts]
    envelope: debezium
    to: {integration: hubspot, object: contacts, group: acme-inc}
    id: {field: crm_id}
    fields: {email: email}
`

// edit replaces lines of base: the first text of each pair with the second.
func edit(t *testing.T, pairs ...string) string {
	t.Helper()
	return replaced(t, base, pairs)
}

func replaced(t *testing.T, text string, pairs []string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q is not once in\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func noEnv(string) (string, bool) { return "", false }

func noFiles(path string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func parseText(text string) (*Config, error) { return Parse("c.yaml", []byte(text), noEnv, noFiles) }

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := parseText(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// problems asserts that a text is refused with exactly these lines.
func problems(t *testing.T, text string, want ...string) {
	t.Helper()
	_, err := parseText(text)
	got := []string(nil)
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s\nfor\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), text)
	}
}

func TestParseFillsInEveryDefault(t *testing.T) {
	t.Parallel()
	got := mustParse(t, base)
	want := &Config{
		Kafka: Kafka{
			Brokers: []string{"localhost:9092"}, Group: "crm-sync", Start: StartEarliest, OnLostOffset: LostStop,
			SessionTimeout: 45 * time.Second, ClientID: "ampersink", Balancer: CooperativeSticky,
		},
		Ampersand: Ampersand{
			URL: "https://write.withampersand.com/v1", SearchURL: "https://search.withampersand.com/v1", OperationsURL: "https://api.withampersand.com/v1",
			APIKey: NewSecret("literal-key"), Project: "acme", Timeout: time.Minute,
		},
		Routes: []Route{{
			Name: "contacts", Topics: Topics{Names: []string{"shop.contacts"}}, Format: Formats{FormatJSON, FormatJSON}, Envelope: EnvelopeDebezium, Unwrap: UnwrapNone,
			To:       To{Integration: "hubspot", Object: "contacts", Group: Group{Value: "acme-inc"}},
			ID:       ID{Ways: []IDWay{IDField}, Field: "crm_id"},
			Search:   Search{IndexLag: time.Minute, OnSeveral: SeveralDeadLetter},
			Fields:   []Field{{To: "email", From: "email", Line: 13}},
			OnCreate: ActionCreate, OnUpdate: ActionUpdate, OnDelete: OnDelete{Action: ActionDelete},
			OnSnapshot: ActionCreate, OnTombstone: ActionIgnore,
			OnTruncate: TruncateDeadLetter, OnKeyChange: KeyChangeMove, OnNoRow: NoRowIgnore,
			OnUnknownDelete: UnknownDeleteDeadLetter, OnConflict: ConflictDeadLetter, OnGone: GoneDeadLetter, OnGroupChange: GroupChangeDeadLetter,
			OnMissingParent: MissingParentWait, ParentPatience: 5 * time.Minute,
			Before: BeforeKeys, Placeholder: DefaultPlaceholder, Update: UpdateAll, Nulls: NullsSend, Mode: ModeSynchronous,
			Batch: Batch{Size: 100, Linger: time.Second, InFlight: 1, Bytes: 1 << 20},
		}},
		DeadLetter: DeadLetter{Topic: "{topic}.dead", Create: true},
		Ledger:     Ledger{Topic: "{group}.ledger"},
		Retry:      Retry{Initial: 200 * time.Millisecond, Max: 30 * time.Second, Patience: 5 * time.Minute},
		InDoubt:    InDoubtPark, Flood: Flood{Window: 200, Share: 0.5, Keys: 100, Action: FloodHold},
		Limits:          Limits{Memory: 32 << 20, LaneShare: 0.25, Requests: 64, SearchRate: 4},
		ShutdownTimeout: 30 * time.Second, Admin: Admin{Listen: "127.0.0.1:8080"}, Log: Log{Level: "info", Format: "auto"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got.Redacted(), want.Redacted())
	}
}

func TestParseDerivesDefaultsFromOtherKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, more          string
		snapshot, tombstone Action
	}{
		{"debezium tells of a delete before its tombstone", "debezium", ActionCreate, ActionIgnore},
		{"a flattened delete is a tombstone", "debezium_flat", ActionCreate, ActionDelete},
		{"a plain delete is a tombstone", "plain", ActionCreate, ActionDelete},
		{"a changefeed of keys alone is nothing but tombstones", "cockroach", ActionCreate, ActionIgnore},
		{"a snapshot is what a create is", "plain\n    on_create: ignore", ActionIgnore, ActionDelete},
		{"what is said is kept", "debezium\n    on_tombstone: delete\n    on_snapshot: ignore", ActionIgnore, ActionDelete},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := mustParse(t, edit(t, "envelope: debezium", "envelope: "+c.more)).Routes[0]
			if r.OnSnapshot != c.snapshot || r.OnTombstone != c.tombstone {
				t.Errorf("on_snapshot %s, on_tombstone %s", r.OnSnapshot, r.OnTombstone)
			}
		})
	}
}

func TestParseKeepsAZeroThatIsWritten(t *testing.T) {
	t.Parallel()
	c := mustParse(t, base+"    batch: {linger: 0s}\ndead_letter: {create: false}\nadmin: {listen: \"\"}\n")
	if c.Routes[0].Batch.Linger != 0 || c.DeadLetter.Create || c.Admin.Listen != "" {
		t.Error(c.Redacted())
	}
}

func TestParseReadsEveryForm(t *testing.T) {
	t.Parallel()
	c := mustParse(t, `
kafka: {brokers: ["a:9092", "[::1]:9092"], group: "007", session_timeout: 1m30s, tls: , instance_id: pod-0}
ampersand: {api_key: k, project: p, url: "http://127.0.0.1:8080/v1/"}
limits: {memory: 9000KB, lane_share: 1}
routes:
  - name: one
    topics: {regex: 'shop\..*'}
    envelope: plain
    operation: {field: meta.op}
    to: {integration: i, object: o, group: {field: tenant}}
    key: [a, b]
    id: {field: crm.id}
    fields:
      zeta: z.deep.er
      alpha: {from: a}
      none: {value: }
      text: {value: "5"}
      number: {value: 12345678901234567890}
      hex: {value: 0x10}
      day: {value: 2026-01-02}
      list: {value: [1, 1.50, true, null, {b: 1, a: "<&>"}]}
    associations: [{to: {id: "1"}, types: [{associationTypeId: 279}]}]
    headers: [{key: A, value: ""}]
    on_delete: {status: {value: gone}}
    batch: {bytes: 512KiB}
  - name: two
    topics: [b]
    envelope: debezium_flat
    to: {integration: i2, object: o, group: {header: tenant}}
    id: {field: id}
    fields: {a: a}
    associations: {field: links}
`)
	constant := func(to, json string, line int) Field {
		return Field{To: to, HasValue: true, Value: []byte(json), Line: line}
	}
	for _, check := range []struct{ got, want any }{
		{c.Kafka.TLS, &TLS{}},
		{c.Kafka.Group, "007"},
		{c.Kafka.Brokers, []string{"a:9092", "[::1]:9092"}},
		{c.Kafka.SessionTimeout, 90 * time.Second},
		{c.Ampersand.URL, "http://127.0.0.1:8080/v1"},
		{c.Limits, Limits{Memory: 9_000_000, LaneShare: 1, Requests: 64, SearchRate: 4}},
		{c.Routes[0].Topics, Topics{Regex: `shop\..*`}},
		{c.Routes[0].Topics.Pattern(), `^(?:shop\..*)$`},
		{c.Routes[0].Operation, Operation{Field: "meta.op"}},
		{c.Routes[0].To.Group, Group{Field: "tenant"}},
		{c.Routes[0].Key, []string{"a", "b"}},
		{c.Routes[0].Fields, []Field{
			{To: "zeta", From: "z.deep.er", Line: 14}, {To: "alpha", From: "a", Line: 15}, constant("none", "null", 16),
			constant("text", `"5"`, 17), constant("number", "12345678901234567890", 18), constant("hex", "16", 19),
			constant("day", `"2026-01-02"`, 20), constant("list", `[1,1.50,true,null,{"b":1,"a":"<&>"}]`, 21),
		}},
		{c.Routes[0].Associations, Associations{Fixed: []byte(`[{"to":{"id":"1"},"types":[{"associationTypeId":279}]}]`)}},
		{c.Routes[0].Headers, []Header{{Key: "A"}}},
		{c.Routes[0].OnDelete, OnDelete{Set: []Field{constant("status", `"gone"`, 24)}}},
		{c.Routes[0].Batch.Bytes, Bytes(512 << 10)},
		{c.Routes[1].To.Group, Group{Header: "tenant"}},
		{c.Routes[1].Associations, Associations{Field: "links"}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("got %s, want %s", show(check.got), show(check.want))
		}
	}
}

func TestParseReadsWhatBecomesOfAValue(t *testing.T) {
	t.Parallel()
	c := mustParse(t, edit(t, "{email: email}", `
      plain: {from: a.b}
      amount: {from: amount, type: decimal, scale: -2, default: 0, not_finite: null, required: true}
      name: {from: x, expr: 'value + "!"', max_length: {characters: 80, over: cut}, nulls: empty}
      tags: {from: t, as: list, separator: ";"}
    when: 'a != "b"'
    update: changed
    nulls: omit`))
	minusTwo := -2
	want := []Field{
		{To: "plain", From: "a.b", Line: 14},
		{To: "amount", From: "amount", Line: 15, Type: TypeDecimal, Scale: &minusTwo, HasDefault: true, Default: []byte("0"), HasNotFinite: true, NotFinite: []byte("null"), Required: true},
		{To: "name", From: "x", Line: 16, Expr: `value + "!"`, MaxLength: &MaxLength{Characters: 80, Over: OverCut}, Nulls: NullsEmpty},
		{To: "tags", From: "t", Line: 17, As: AsList, Separator: ";"},
	}
	r := c.Routes[0]
	if !reflect.DeepEqual(r.Fields, want) || r.When != `a != "b"` || r.Update != UpdateChanged || r.Nulls != NullsOmit {
		t.Errorf("got %+v\nwant %+v", r, want)
	}
	again := mustParse(t, strings.Replace(c.Redacted(), hidden, "literal-key", 1))
	for i := range want {
		again.Routes[0].Fields[i].Line = want[i].Line
	}
	if !reflect.DeepEqual(again.Routes[0], r) {
		t.Errorf("reads back as\n%+v\nand not\n%+v", again.Routes[0], r)
	}
}

func show(v any) string {
	if fields, ok := v.([]Field); ok {
		var b strings.Builder
		for _, f := range fields {
			fmt.Fprintf(&b, "\n  %s: %q %s line %d", f.To, f.From, f.Value, f.Line)
		}
		return b.String()
	}
	return fmt.Sprintf("%+v", v)
}

func TestParseReusesAValueByAlias(t *testing.T) {
	t.Parallel()
	second := strings.ReplaceAll(base[max(0, strings.Index(base, "  - name")):], "contacts", "accounts")
	c := mustParse(t, base+"    batch: &b {size: 7}\n"+second+"    batch: *b\n")
	if c.Routes[1].Batch.Size != 7 {
		t.Errorf("size %d", c.Routes[1].Batch.Size)
	}
}

func TestParseBoundsWhatAliasesCanMean(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString(base + "    associations:\n      - &a0 {x: 1}\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&bomb, "      - &a%d {x: [*a%d, *a%d]}\n", i, i-1, i-1)
	}
	for name, text := range map[string]string{
		"bomb":   bomb.String(),
		"itself": base + "    associations: &a [{x: *a}]\n",
		"route":  strings.Replace(base, "  - name: contacts", "  - &r\n    name: contacts", 1) + strings.Repeat("  - *r\n", 1000),
	} {
		_, err := parseText(text)
		var found Problems
		if !errors.As(err, &found) {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.ContainsFunc(found, func(p Problem) bool {
			return strings.HasPrefix(p.Message, "the file means more than") || strings.HasPrefix(p.Message, "nested deeper")
		}) && name != "route" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProblemsSayAllAndCanBeTakenApart(t *testing.T) {
	t.Parallel()
	_, err := parseText(base + strings.Repeat("    nonsense: 1\n", 60))
	var all Problems
	var one Problem
	if !errors.As(err, &all) || !errors.As(err, &one) {
		t.Fatalf("%T", err)
	}
	if one.File != "c.yaml" || one.Line != 14 || one.Column != 5 || one.Key != "routes[0].nonsense" {
		t.Errorf("%+v", one)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(all) <= maxShown || len(lines) != maxShown+1 || !strings.HasPrefix(lines[maxShown], "... and ") {
		t.Errorf("%d problems in %d lines", len(all), len(lines))
	}
}

func TestLoadReadsFilesAndRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write("key", "from-a-file\r\n")
	c, err := Load(write("config.yaml", strings.Replace(base, "literal-key", "${file:"+secret+"}", 1)), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Ampersand.APIKey.Reveal() != "from-a-file" || c.Ampersand.APIKeyFile != secret {
		t.Errorf("%q from %q", c.Ampersand.APIKey.Reveal(), c.Ampersand.APIKeyFile)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), noEnv); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("%v", err)
	}
	big := write("big.yaml", strings.Repeat("#", maxFile+1))
	if _, err := Load(big, noEnv); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}
