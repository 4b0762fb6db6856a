package sink_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// tool opens the ledger of a configuration; it is closed with the test, or before.
func tool(t *testing.T, o sink.Options, missing sink.MissingLedger) *sink.LedgerTool {
	t.Helper()
	l, err := sink.OpenLedgerTool(t.Context(), sink.LedgerToolOptions{Options: o, Missing: missing})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// imported is a row of the first route, as a team has it.
func imported(t *testing.T, o sink.Options, id int, record string) sink.LedgerRow {
	t.Helper()
	keys, err := sink.NewRowKeys(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.Of("customers", "", fmt.Appendf(nil, `{"id":%d}`, id))
	if err != nil {
		t.Fatal(err)
	}
	return sink.LedgerRow{RowKey: key, Row: ledger.Row{State: ledger.Known, ID: record, Group: "acme"}}
}

// set makes rows lines of a file.
func set(rows ...sink.LedgerRow) *sink.RowSet {
	s := sink.NewRowSet()
	for i, r := range rows {
		s.Add(&sink.SaidRow{LedgerRow: r, Line: i + 1})
	}
	return s
}

// importing imports rows into a ledger of which nothing is known, and closes it.
func importing(t *testing.T, o sink.Options, rows ...sink.LedgerRow) {
	t.Helper()
	l := tool(t, o, sink.MissingMade)
	if done, err := l.Import(t.Context(), set(rows...), sink.ImportOptions{}); err != nil || done.Added != len(rows) {
		t.Fatalf("%+v, %v", done, err)
	}
}

func TestImportedIDsAreSeenByMembersThatRun(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	ids := c.seed(t, "globex", map[string]any{"email": "u2@example.com", "version": "0"})
	o := c.lateSink(t, k, topic)
	o.UntilEnd = false
	s := start(t, o)
	k.Produce(t, change(topic, "c", 1, 1))
	waitFor(t, "the first row", func() bool { return len(c.records("acme")) == 1 })
	row := imported(t, o, 2, ids[0])
	row.Group = "globex"
	importing(t, o, row)
	waitFor(t, "the member to know it", func() bool { return s.Status().Identity.Ledger.Rows == 2 })
	k.Produce(t, event(topic, "u", 2, `{"id":2,"tenant":"globex","email":"u2@example.com","name":"N","version":5}`))
	waitFor(t, "the second row", func() bool { return c.records("globex")[ids[0]] == "u2@example.com v5" })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	c.want(t, "acme", "u1@example.com v1")
	c.want(t, "globex", "u2@example.com v5")
	wantLetters(t, k, topic)
}

func TestAnImportedIDEndsTheDoubtAboutACreate(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	c.fault(t, sandbox.Fault{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: "yes"})
	k.Produce(t, change(topic, "c", 1, 1))
	runs(t, o)
	wantLetters(t, k, topic, "in_doubt")
	l := tool(t, o, sink.MissingRefused)
	row := imported(t, o, 1, only(c.records("acme")))
	if a := l.Get(row.RowKey); a.State != ledger.Doubt {
		t.Errorf("it is %s before the import", a.State)
	}
	if done, err := l.Import(t.Context(), set(row), sink.ImportOptions{}); err != nil || done != (sink.Imported{Resolved: 1}) {
		t.Fatalf("%+v, %v", done, err)
	}
	l.Close()
	k.Produce(t, change(topic, "u", 1, 2))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v2")
	wantLetters(t, k, topic, "in_doubt")
}

func TestWhatAnImportMakesOfRows(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", "t", "http://127.0.0.1:1", "")), Log: testLog(t)}
	importing(t, o, imported(t, o, 1, "a"), imported(t, o, 2, "b"), imported(t, o, 3, "c"), imported(t, o, 6, "e"))
	ends := fmt.Sprint(k.EndOffsets(t, "g.ledger"))
	of := func(id int, record, group string) sink.LedgerRow {
		r := imported(t, o, id, record)
		r.Group = group
		return r
	}
	doubt := of(5, "", "acme")
	doubt.State = ledger.Doubt
	lesser := of(6, "", "acme")
	lesser.State = ledger.Exists
	rows := []sink.LedgerRow{of(1, "a", "acme"), of(2, "x", "acme"), of(3, "c", "globex"), of(4, "d", "acme"), doubt, lesser}
	for _, c := range []struct {
		options sink.ImportOptions
		want    sink.Imported
		kept    string
		known   string // afterwards
	}{
		{sink.ImportOptions{DryRun: true}, sink.Imported{Added: 2, Same: 2, Kept: 2}, "2 b acme, 3 c acme", "a b c e"},
		{sink.ImportOptions{DryRun: true, Overwrite: true}, sink.Imported{Added: 2, Same: 2, Replaced: 2}, "", "a b c e"},
		{sink.ImportOptions{}, sink.Imported{Added: 2, Same: 2, Kept: 2}, "2 b acme, 3 c acme", "a b c d doubt e"},
		{sink.ImportOptions{}, sink.Imported{Same: 4, Kept: 2}, "2 b acme, 3 c acme", "a b c d doubt e"},
		{sink.ImportOptions{Overwrite: true}, sink.Imported{Same: 4, Replaced: 2}, "", "a x c globex d doubt e"},
		{sink.ImportOptions{Overwrite: true}, sink.Imported{Same: 6}, "", "a x c globex d doubt e"},
	} {
		var kept []string
		c.options.Kept = func(r *sink.SaidRow, known *ledger.Answer) {
			kept = append(kept, fmt.Sprint(r.Line, " ", known.ID, " ", known.Group))
		}
		told := 0
		c.options.Progress = func(n int) { told = n }
		l := tool(t, o, sink.MissingRefused)
		done, err := l.Import(t.Context(), set(rows...), c.options)
		slices.Sort(kept)
		if err != nil || done != c.want || strings.Join(kept, ", ") != c.kept || told != set(rows...).Len() {
			t.Errorf("%+v: %+v, %v, kept %q, told of %d; expected %+v, kept %q", c.options, done, err, kept, told, c.want, c.kept)
		}
		l.Close()
		if c.options.DryRun && fmt.Sprint(k.EndOffsets(t, "g.ledger")) != ends {
			t.Error("a dry run has written")
		}
		if got := knownRows(tool(t, o, sink.MissingRefused)); got != c.known {
			t.Errorf("%+v: known is %q, expected %q", c.options, got, c.known)
		}
	}
}

// knownRows shows the rows of a ledger in their order.
func knownRows(l *sink.LedgerTool) string {
	var all []string
	l.Export(func(r sink.LedgerRow) bool {
		text := r.ID
		if r.State != ledger.Known {
			text = r.State.String()
		}
		if r.Group != "acme" {
			text += " " + r.Group
		}
		all = append(all, text)
		return true
	})
	return strings.Join(all, " ")
}

// Marks, ends of announcements and what follows from a late record are the members' to write.
func TestLookingIntoTheLedgerWritesNothing(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	// With an announcement that is open, and one of which all is known.
	open := announced(t, o, 7, 8)
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "u", 1, 2), change(topic, "c", 2, 1), change(topic, "d", 2, 0))
	runs(t, o)
	beside(t, o, func(l *ledger.Ledger) {
		// A zombie's, which whoever reads it has to end.
		late := imported(t, o, 1, "late")
		done := make(chan struct{})
		l.Put([]sink.LedgerRow{late}, func(end ledger.End) { end(nil, true); close(done) })
		<-done
	})
	ends, there := fmt.Sprint(k.EndOffsets(t, "g.ledger")), k.HasTopic(t, "g.ledger.dead")
	for range 2 {
		l := tool(t, o, sink.MissingRefused)
		if a := l.Get(imported(t, o, 1, "").RowKey); a.State != ledger.Known || a.ID != only(c.records("acme")) {
			t.Errorf("row 1 is %+v", a)
		}
		if a := l.Get(imported(t, o, 7, "").RowKey); a.State != ledger.Unknown || a.Open == nil || a.Open.Offset != 7 {
			t.Errorf("row 7 is %+v", a)
		}
		if got := knownRows(l); got != only(c.records("acme"))+" doubt doubt" || l.Stats().Rows != 1 || len(l.Open()) != open {
			t.Errorf("the rows are %q, %+v, %+v", got, l.Stats(), l.Open())
		}
		l.Close()
	}
	if now := fmt.Sprint(k.EndOffsets(t, "g.ledger")); now != ends || k.HasTopic(t, "g.ledger.dead") != there {
		t.Errorf("the topic ends at %s, and ended at %s", now, ends)
	}
	if n := len(k.Committed(t, "g")); n != 1 {
		t.Errorf("the group has offsets of %d topics", n)
	}
}

// announced leaves creates of rows behind whose process died before any of them was
// answered. It returns how many.
func announced(t *testing.T, o sink.Options, ids ...int) int {
	t.Helper()
	beside(t, o, func(l *ledger.Ledger) {
		var creates []ledger.Creating
		for _, id := range ids {
			row := imported(t, o, id, "")
			creates = append(creates, ledger.Creating{Write: &model.Write{
				Source:      &model.Kept{TopicPartition: model.TopicPartition{Topic: row.Space.Name}, Offset: int64(id)},
				Destination: model.Destination{Group: row.Group},
				Identity:    &model.Identity{Space: &row.Space, Key: row.Key},
			}})
		}
		if _, err := l.Announce(t.Context(), creates); err != nil {
			t.Fatal(err)
		}
	})
	return len(ids)
}

// beside writes to the ledger as a process that knows nothing of it.
func beside(t *testing.T, o sink.Options, write func(*ledger.Ledger)) {
	t.Helper()
	topic, err := kafka.OpenCompacted(t.Context(), kafka.CompactedOptions{
		Config: o.Config.Kafka, Topic: "g.ledger", Create: kafka.CreateAlways, Log: testLog(t), Fault: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	write(ledger.New(ledger.Options{Log: topic, Writer: 1, Changed: func() {}, Logger: testLog(t)}))
}

// What is not known of a create must not become nothing by being written down and read back.
func TestAnExportKeepsWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	announced(t, o, 5, 3, 9)
	importing(t, o, imported(t, o, 4, "x"))
	var rows []sink.LedgerRow
	tool(t, o, sink.MissingRefused).Export(func(r sink.LedgerRow) bool { rows = append(rows, r); return true })
	o.Config.Kafka.Group = "h"
	importing(t, o, rows...)
	if got := knownRows(tool(t, o, sink.MissingRefused)); got != "doubt x doubt doubt" {
		t.Errorf("the other ledger has %q", got)
	}
	k.Produce(t, change(topic, "c", 3, 1), change(topic, "u", 4, 1), change(topic, "c", 6, 1))
	runs(t, o)
	wantLetters(t, k, topic, "OBJECT_NOT_FOUND", "in_doubt")
	c.want(t, "acme", "u6@example.com v1")
}

func TestALedgerThatIsNotThere(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", "t", "http://127.0.0.1:1", "")), Log: testLog(t)}
	_, err := sink.OpenLedgerTool(t.Context(), sink.LedgerToolOptions{Options: o})
	var missing *sink.NoLedger
	if !errors.As(err, &missing) || missing.Topic != "g.ledger" {
		t.Errorf("it ended with %v", err)
	}
	empty := tool(t, o, sink.MissingEmpty)
	done, err := empty.Import(t.Context(), set(imported(t, o, 1, "a")), sink.ImportOptions{DryRun: true})
	if err != nil || done.Added != 1 || empty.There() || empty.Stats().Rows != 0 {
		t.Errorf("%+v, %v of a ledger that is not there", done, err)
	}
	if k.HasTopic(t, "g.ledger") {
		t.Error("the topic is there")
	}
	if l := tool(t, o, sink.MissingMade); !l.There() || !k.HasTopic(t, "g.ledger") {
		t.Error("it is not made")
	}
}

func TestAnImportThatIsNotAcknowledgedSaysSo(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", "t", "http://127.0.0.1:1", "")), Log: testLog(t)}
	l := tool(t, o, sink.MissingMade)
	k.RefuseTopic("g.ledger", kerr.TopicAuthorizationFailed, kmsg.Produce)
	done, err := l.Import(t.Context(), set(imported(t, o, 1, "a")), sink.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "WRITE") || done != (sink.Imported{}) {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestTheRowsOfAConfiguration(t *testing.T) {
	t.Parallel()
	c := late(configure(t, []string{"127.0.0.1:1"}, "g", "t", "http://127.0.0.1:1", ""))
	plain := c.Routes[0]
	plain.Name, plain.ID = "plain", config.ID{Ways: []config.IDWay{config.IDField}, Field: "crm_id"}
	pattern := c.Routes[0]
	pattern.Name, pattern.Topics = "pattern", config.Topics{Regex: "p.*"}
	shared := pattern
	shared.Name, shared.IdentitySpace = "shared", "people"
	c.Routes = append(c.Routes, plain, pattern, shared)
	keys, err := sink.NewRowKeys(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := keys.Routes(); !slices.Equal(got, []string{"customers", "pattern", "shared"}) {
		t.Errorf("the routes are %q", got)
	}
	for name, want := range map[string]string{"t": "customers", "people": "pattern shared", "p1": "pattern", "xp1": "", "people.": "pattern"} {
		space := imported(t, sink.Options{Config: c}, 1, "").Space
		space.Name = name
		if got := strings.Join(keys.In(space), " "); got != want {
			t.Errorf("in space %s are %q, expected %q", name, got, want)
		}
		space.Object = "company"
		if got := keys.In(space); len(got) > 0 {
			t.Errorf("in space %s of another object are %q", name, got)
		}
	}
	c.Routes = []config.Route{plain}
	if _, err := sink.NewRowKeys(c); err == nil || !strings.Contains(err.Error(), "put ledger into the id of one") {
		t.Errorf("without such a route: %v", err)
	}
}

func TestALargeLedgerIsReadAndWrittenInOrder(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", "t", "http://127.0.0.1:1", "")), Log: testLog(t)}
	var rows []sink.LedgerRow
	for i := range 10_000 {
		rows = append(rows, imported(t, o, i, fmt.Sprint("id", i)))
	}
	began := time.Now()
	importing(t, o, rows...)
	var last ledger.RowKey
	n := 0
	tool(t, o, sink.MissingRefused).Export(func(r sink.LedgerRow) bool {
		if n++; last.Compare(r.RowKey) >= 0 || r.ID == "" {
			t.Fatalf("%s comes behind %s", r.Key, last.Key)
		}
		last = r.RowKey
		return true
	})
	if n != len(rows) {
		t.Errorf("%d rows were read", n)
	}
	t.Logf("%d rows took %s", n, time.Since(began))
}

func TestCheckLooksAtTheLedger(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	check := func(want string) {
		t.Helper()
		s, err := sink.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Check(t.Context()) {
			if f.What == "ledger topic g.ledger" {
				if got := fmt.Sprint(f.Note, f.Err); !strings.Contains(got, want) {
					t.Errorf("it says %s; expected %s", got, want)
				}
				return
			}
		}
		t.Errorf("the ledger is not checked")
	}
	check("is made when the group starts<nil>")
	if k.HasTopic(t, "g.ledger") {
		t.Error("the topic is there")
	}
	k.Produce(t, change(topic, "c", 1, 1))
	runs(t, o)
	check("8 partitions<nil>")
	k.SetTopic(t, "g.ledger", "cleanup.policy", "delete")
	check("cleanup.policy=delete, which deletes what is old")
	k.DeleteTopic(t, "g.ledger")
	check("created a second time")
}
