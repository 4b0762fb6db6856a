package deadletter_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// example is a letter with everything in it.
func example() *deadletter.Letter {
	return &deadletter.Letter{
		Record: model.Record{
			TopicPartition: model.TopicPartition{Topic: "shop.customers", Partition: 3}, Offset: 41, LeaderEpoch: 2,
			Timestamp: time.UnixMilli(1_700_000_000_123), Key: []byte(`{"id":1}`), Value: []byte("\x00\xff not text"),
			Headers: []model.Header{{Key: "trace", Value: []byte{0xfe}}, {Key: "none"}, {Key: "empty", Value: []byte{}}, {Key: "trace", Value: []byte("2")}},
		},
		Reason: model.Reason{
			Stage: model.StageWrite, Code: "INVALID_EMAIL_ADDRESS", Message: "email: not an address", Field: "email",
			OperationID: "op-1", RequestID: "req-1", ExistingID: "501",
		},
		InDoubt: true, Group: "crm-sync", Route: "customers",
		Destination: model.Destination{Integration: "hubspot", Group: "acme", Object: "contact"},
		Type:        model.Update, ID: "77", Attempts: 4,
		First: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Last: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC),
		Replays: 2,
	}
}

func header(t *testing.T, r *model.Record, name string) string {
	t.Helper()
	n := 0
	for _, h := range r.Headers {
		if h.Key == name {
			n++
		}
	}
	if n > 1 {
		t.Errorf("header %s is there %d times", name, n)
	}
	v, ok := r.Header(name)
	if !ok {
		t.Errorf("header %s is missing", name)
	}
	return string(v)
}

func TestALetterCarriesKafkaConnectsHeaders(t *testing.T) {
	t.Parallel()
	r := deadletter.Encode(example(), "shop.customers.dead")
	if r.Topic != "shop.customers.dead" || r.Partition != 3 {
		t.Errorf("it goes to %s/%d", r.Topic, r.Partition)
	}
	for name, want := range map[string]string{
		"__connect.errors.topic":                "shop.customers",
		"__connect.errors.partition":            "3",
		"__connect.errors.offset":               "41",
		"__connect.errors.connector.name":       "ampersink",
		"__connect.errors.task.id":              "0",
		"__connect.errors.stage":                "TASK_PUT",
		"__connect.errors.class.name":           "ampersink/write",
		"__connect.errors.exception.class.name": "INVALID_EMAIL_ADDRESS",
		"__connect.errors.exception.message":    `INVALID_EMAIL_ADDRESS: field "email": email: not an address`,
		"ampersink.route":                       "customers",
		"ampersink.integration":                 "hubspot",
		"ampersink.group_ref":                   "acme",
		"ampersink.object":                      "contact",
		"ampersink.type":                        "update",
		"ampersink.id":                          "77",
		"ampersink.code":                        "INVALID_EMAIL_ADDRESS",
		"ampersink.operation_id":                "op-1",
		"ampersink.request_id":                  "req-1",
		"ampersink.existing_id":                 "501",
		"ampersink.in_doubt":                    "true",
		"ampersink.attempts":                    "4",
		"ampersink.replays":                     "2",
		"ampersink.first_failure":               "2026-01-02T03:04:05.000000006Z",
		"ampersink.last_failure":                "2026-01-02T03:05:00Z",
	} {
		if got := header(t, &r, name); got != want {
			t.Errorf("%s is %q, expected %q", name, got, want)
		}
	}
	refused := example()
	refused.Reason.Stage = model.StageMapping
	r = deadletter.Encode(refused, "d")
	if got := header(t, &r, "__connect.errors.stage"); got != "VALUE_CONVERTER" {
		t.Errorf("a record that mapping refused has stage %q", got)
	}
}

func TestARecordIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*model.Record){
		"as it is":     func(*model.Record) {},
		"null key":     func(r *model.Record) { r.Key = nil },
		"empty key":    func(r *model.Record) { r.Key = []byte{} },
		"tombstone":    func(r *model.Record) { r.Value = nil },
		"empty value":  func(r *model.Record) { r.Value = []byte{} },
		"no headers":   func(r *model.Record) { r.Headers = nil },
		"large value":  func(r *model.Record) { r.Value = bytes.Repeat([]byte("x"), 1<<20) },
		"header names": func(r *model.Record) { r.Headers = []model.Header{{Key: "", Value: []byte("v")}, {Key: "\xff"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := example()
			change(&l.Record)
			before := clone(l.Record)
			r := deadletter.Encode(l, "dead")
			got, err := deadletter.Decode(&r)
			if err != nil {
				t.Fatal(err)
			}
			same(t.Fatalf, got, l)
			same(t.Fatalf, &deadletter.Letter{Record: l.Record}, &deadletter.Letter{Record: before})
		})
	}
}

func clone(r model.Record) model.Record {
	r.Headers = slices.Clone(r.Headers)
	return r
}

// same compares letters, a null and an empty value told apart.
func same(fail func(string, ...any), got, want *deadletter.Letter) {
	equal := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	a, b := got.Record, want.Record
	if a.TopicPartition != b.TopicPartition || a.Offset != b.Offset || !a.Timestamp.Equal(b.Timestamp) {
		fail("the record is %s/%d@%d of %s, expected %s/%d@%d of %s", a.Topic, a.Partition, a.Offset, a.Timestamp, b.Topic, b.Partition, b.Offset, b.Timestamp)
	}
	if !equal(a.Key, b.Key) || !equal(a.Value, b.Value) {
		fail("key or value differ: %q %q, expected %q %q", a.Key, a.Value, b.Key, b.Value)
	}
	if !slices.EqualFunc(a.Headers, b.Headers, func(x, y model.Header) bool { return x.Key == y.Key && equal(x.Value, y.Value) }) {
		fail("headers are %q, expected %q", a.Headers, b.Headers)
	}
	x, y := *got, *want
	if !x.First.Equal(y.First) || !x.Last.Equal(y.Last) {
		fail("failures at %s and %s, expected %s and %s", x.First, x.Last, y.First, y.Last)
	}
	x.Record, y.Record = model.Record{}, model.Record{}
	x.First, x.Last, y.First, y.Last = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if x.Reason != y.Reason {
		fail("the reason is %+v, expected %+v", x.Reason, y.Reason)
	}
	x.Reason, y.Reason = model.Reason{}, model.Reason{}
	if x.Group != y.Group || x.Route != y.Route || x.Destination != y.Destination || x.Type != y.Type || x.ID != y.ID ||
		x.InDoubt != y.InDoubt || x.Attempts != y.Attempts || x.Replays != y.Replays {
		fail("the letter is %+v, expected %+v", x, y)
	}
}

// letters draws letters whose texts fit their headers.
func letters() *rapid.Generator[*deadletter.Letter] {
	text := rapid.StringN(0, 60, 1000)
	return rapid.Custom(func(t *rapid.T) *deadletter.Letter {
		value := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 200))
		at := rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(1, 4e18), func(n int64) time.Time { return time.Unix(0, n) }))
		l := &deadletter.Letter{
			Record: model.Record{
				TopicPartition: model.TopicPartition{Topic: text.Draw(t, "topic"), Partition: rapid.Int32Range(0, 1<<30).Draw(t, "partition")},
				Offset:         rapid.Int64Min(0).Draw(t, "offset"), Timestamp: time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "timestamp")),
				Key: value.Draw(t, "key"), Value: value.Draw(t, "value"),
			},
			Reason: model.Reason{
				Stage: rapid.SampledFrom([]model.Stage{model.StageMapping, model.StageWrite}).Draw(t, "stage"),
				Code:  rapid.StringN(1, 60, 1000).Draw(t, "code"), Message: text.Draw(t, "message"), Field: text.Draw(t, "field"),
				OperationID: text.Draw(t, "operation"), RequestID: text.Draw(t, "request"), ExistingID: text.Draw(t, "existing"),
			},
			InDoubt: rapid.Bool().Draw(t, "in doubt"), Group: text.Draw(t, "group"), Route: text.Draw(t, "route"),
			Destination: model.Destination{Integration: text.Draw(t, "integration"), Group: text.Draw(t, "group ref"), Object: text.Draw(t, "object")},
			Type:        rapid.SampledFrom([]model.Type{model.Undecided, model.Create, model.Update, model.Delete}).Draw(t, "type"),
			ID:          text.Draw(t, "id"), Attempts: rapid.IntRange(0, 1<<30).Draw(t, "attempts"), Replays: rapid.IntRange(0, 1<<30).Draw(t, "replays"),
			First: at.Draw(t, "first"), Last: at.Draw(t, "last"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			name := rapid.OneOf(rapid.SampledFrom([]string{"a", "a", "__connect", "ampersink", "__debezium.newkey"}), text).Draw(t, "name")
			l.Record.Headers = append(l.Record.Headers, model.Header{Key: name, Value: value.Draw(t, "header")})
		}
		return l
	})
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := letters().Draw(t, "letter")
		r := deadletter.Encode(l, "dead")
		got, err := deadletter.Decode(&r)
		if err != nil {
			t.Fatal(err)
		}
		same(t.Fatalf, got, l)
	})
}

func TestALetterThatFailsAgainReplacesItsHeaders(t *testing.T) {
	t.Parallel()
	l := example()
	first := deadletter.Encode(l, "dead")
	size := len(first.Headers)
	r := first
	for replay := 3; replay < 10; replay++ {
		again, err := deadletter.Decode(&r)
		if err != nil {
			t.Fatal(err)
		}
		again.Replays = replay
		again.Reason = model.Reason{Stage: model.StageMapping, Code: "no_id", Message: "no id"}
		again.InDoubt, again.Destination, again.Type, again.ID = false, model.Destination{}, model.Undecided, ""
		r = deadletter.Encode(again, "dead")
		if len(r.Headers) >= size {
			t.Fatalf("%d headers after %d replays, %d at first", len(r.Headers), replay, size)
		}
	}
	got, err := deadletter.Decode(&r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Replays != 9 || got.Reason.Code != "no_id" || got.Reason.OperationID != "" || got.InDoubt || got.ID != "" {
		t.Errorf("what an earlier failure left is in the letter: %+v", got)
	}
	same(t.Fatalf, &deadletter.Letter{Record: got.Record}, &deadletter.Letter{Record: l.Record})
}

// The letter itself was read from its topic and refused, as a sink of dead letters would.
func TestOurHeadersOfTheSourceAreReplaced(t *testing.T) {
	t.Parallel()
	l := example()
	l.Record = deadletter.Encode(l, "shop.customers.dead")
	l.Record.Offset = 7
	r := deadletter.Encode(l, "shop.customers.dead.dead")
	if got := header(t, &r, "__connect.errors.topic"); got != "shop.customers.dead" {
		t.Errorf("its origin is %q", got)
	}
	if got := header(t, &r, "__connect.errors.offset"); got != "7" {
		t.Errorf("its offset is %q", got)
	}
}

func TestHeadersAreBoundedAtAWholeCharacter(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 5000), strings.Repeat("ü", 2000), "x" + strings.Repeat("日本", 2000), strings.Repeat("\xff", 3000)} {
		l := example()
		l.Reason.Message = text
		r := deadletter.Encode(l, "dead")
		total := 0
		for _, h := range r.Headers {
			total += len(h.Key) + len(h.Value)
			if len(h.Value) > 1024 {
				t.Errorf("header %s has %d bytes", h.Key, len(h.Value))
			}
		}
		got := header(t, &r, "ampersink.message")
		if !strings.HasSuffix(got, "...") || !strings.HasPrefix(text, strings.TrimSuffix(got, "...")) {
			t.Errorf("%.10q is cut to %.10q, which ends in %q", text, got, got[max(0, len(got)-6):])
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%.10q is cut inside a character", text)
		}
		if total > 8<<10 {
			t.Errorf("%d bytes of headers", total)
		}
	}
}

// TestTheHeadersFitTheHeadroom: what a topic made like its source allows for.
func TestTheHeadersFitTheHeadroom(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	l := &deadletter.Letter{
		Reason:  model.Reason{Stage: model.StageWrite, Code: long, Message: long, Field: long, OperationID: long, RequestID: long, ExistingID: long},
		InDoubt: true, Group: long, Route: long, Destination: model.Destination{Integration: long, Group: long, Object: long},
		Type: model.Create, ID: long, Attempts: 1 << 30, Replays: 1 << 30, First: time.Now(), Last: time.Now(),
	}
	l.Record.Topic = strings.Repeat("t", 249)
	r := deadletter.Encode(l, "dead")
	total := 0
	for _, h := range r.Headers {
		total += len(h.Key) + len(h.Value) + 8
	}
	if total > 32<<10 {
		t.Errorf("%d bytes of headers, half of the headroom is %d", total, 32<<10)
	}
}

func TestWhatIsTooLargeShedsTheDispensableFirst(t *testing.T) {
	t.Parallel()
	l := example()
	r := deadletter.Encode(l, "dead")
	before := len(r.Headers)
	var order []string
	for rounds := 0; ; rounds++ {
		if rounds > 10 {
			t.Fatal("there is always something left to shed")
		}
		was := names(&r)
		if !deadletter.Shed(&r) {
			break
		}
		if len(r.Headers) >= len(was) {
			t.Fatal("nothing was shed although that was said")
		}
		for _, name := range was {
			if _, ok := r.Header(name); !ok {
				order = append(order, name)
			}
		}
	}
	if len(order) == 0 || len(r.Headers)+len(order) != before {
		t.Fatalf("%d headers were shed of %d, %d are left", len(order), before, len(r.Headers))
	}
	if i, j := slices.Index(order, "__connect.errors.exception.message"), slices.Index(order, "ampersink.attempts"); i < 0 || j < 0 || i > j {
		t.Errorf("they go in the order %q", order)
	}
	got, err := deadletter.Decode(&r)
	if err != nil {
		t.Fatalf("what is left is no letter: %v", err)
	}
	want := example()
	// What a replay needs stays: the origin, the code, the write, and what may exist already.
	if got.Record.TopicPartition != want.Record.TopicPartition || got.Record.Offset != want.Record.Offset ||
		got.Reason.Code != want.Reason.Code || got.Reason.ExistingID != want.Reason.ExistingID || !got.InDoubt ||
		got.Route != want.Route || got.Destination != want.Destination || got.Type != want.Type || got.ID != want.ID || got.Replays != want.Replays {
		t.Errorf("after shedding the letter is %+v", got)
	}
	same(t.Fatalf, &deadletter.Letter{Record: got.Record}, &deadletter.Letter{Record: want.Record})
}

func names(r *model.Record) (names []string) {
	for _, h := range r.Headers {
		names = append(names, h.Key)
	}
	return names
}

func TestWhatIsNoLetterIsRefusedByName(t *testing.T) {
	t.Parallel()
	whole := deadletter.Encode(example(), "dead")
	for _, name := range []string{"ampersink.code", "__connect.errors.partition", "__connect.errors.offset", "ampersink.replays"} {
		for _, broken := range []bool{false, true} {
			r := whole
			r.Headers = slices.DeleteFunc(slices.Clone(whole.Headers), func(h model.Header) bool { return h.Key == name })
			if broken && name != "ampersink.code" {
				r.Headers = append(r.Headers, model.Header{Key: name, Value: []byte("99999999999999999999")})
			}
			var refused *deadletter.ErrNotALetter
			if _, err := deadletter.Decode(&r); !errors.As(err, &refused) || refused.Missing != name {
				t.Errorf("without %s: %v", name, err)
			}
		}
	}
}

func TestTheTopicOfALetterFollowsItsPattern(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{"{topic}.dead": "a.b.dead", "all-dead": "all-dead", "x.{topic}.{topic}": "x.a.b.a.b"} {
		if got := deadletter.TopicFor(pattern, "a.b"); got != want {
			t.Errorf("%s: %s, expected %s", pattern, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("__connect.errors.offset", []byte("41"), "ampersink.code", []byte("x"))
	f.Fuzz(func(t *testing.T, name1 string, value1 []byte, name2 string, value2 []byte) {
		r := deadletter.Encode(example(), "dead")
		r.Headers = append(r.Headers, model.Header{Key: name1, Value: value1}, model.Header{Key: name2, Value: value2})
		l, err := deadletter.Decode(&r)
		if err != nil {
			return
		}
		again := deadletter.Encode(l, "dead")
		if back, err := deadletter.Decode(&again); err != nil || back.Record.Offset != l.Record.Offset || back.Replays != l.Replays {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	l := example()
	b.ReportAllocs()
	for b.Loop() {
		deadletter.Encode(l, "dead")
	}
}
