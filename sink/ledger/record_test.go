package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
)

// reading is a ledger that is handed records.
func reading(writer uint64) *Ledger {
	return New(Options{Log: newMemoryLog(4), Writer: writer, Changed: func() {}, Logger: zerolog.Nop()})
}

// What is as it was in the intent before is not written again: any part may change from one to
// the next, or not.
func TestIntentsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.IntRange(0, 2)
		text := func(i int) string { return []string{"", "a", "a longer one"}[i] }
		var creates []Creating
		var want []Intent
		for i := range rapid.IntRange(1, 8).Draw(t, "intents") {
			n := Intent{
				RowKey: RowKey{
					model.Space{Integration: text(some.Draw(t, "integration")), Object: "contact", Name: text(some.Draw(t, "space"))},
					string(rune('a'+i)) + text(some.Draw(t, "key")),
				},
				Group:  text(some.Draw(t, "group")),
				Source: model.TopicPartition{Topic: text(some.Draw(t, "topic")), Partition: int32(some.Draw(t, "partition"))},
				Offset: rapid.Int64Range(0, 1<<62).Draw(t, "offset"), Name: model.WriteName(some.Draw(t, "name")),
			}
			want = append(want, n)
			creates = append(creates, Creating{&model.Write{
				Name: n.Name, Destination: model.Destination{Group: n.Group}, Identity: &model.Identity{Space: &n.Space, Key: n.Key},
				Source: &model.Kept{TopicPartition: n.Source, Offset: n.Offset},
			}, int64(some.Draw(t, "epoch"))})
		}
		l := reading(1)
		record := l.record(0, annKey(annID{2, 1}), annValue(creates, time.UnixMilli(1764000000000)))
		l.apply(&record)
		clear(record.Value) // nothing of a record is kept
		got := l.OpenIntents()
		for i, c := range creates {
			if a := l.Lookup(c.row()); a.Open == nil || a.Open.Epoch != c.Epoch || a.Open.Own {
				t.Fatalf("intent %d is %+v, expected an open one of epoch %d", i, a.Open, c.Epoch)
			}
		}
		for _, n := range want {
			if !slices.Contains(got, n) {
				t.Fatalf("%+v is not among %+v", n, got)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d intents, expected %d", len(got), len(want))
		}
	})
}

func TestARowIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	w, l := reading(1), reading(2)
	k := RowKey{testSpace, "k"}
	for _, row := range []Row{
		{State: Known, Group: "acme", ID: "7", Source: testSource, Offset: 1 << 40, Epoch: 1},
		{State: Exists, Source: testSource, Epoch: 2},
		{State: Doubt, Group: "other", Source: model.TopicPartition{Topic: "t"}, Epoch: 1 << 50},
	} {
		record := w.rowRecord(k, &row, row.Source, row.Epoch)
		own := w.rowRecord(k, &row, row.Source, row.Epoch)
		l.apply(&record)
		w.apply(&own)
		clear(record.Key)
		clear(record.Value)
		if a := l.Lookup(k); a.Row != row {
			t.Errorf("%+v, expected %+v", a.Row, row)
		}
		if a := w.Lookup(k); a.State != Unknown {
			t.Errorf("a record of its own was worked in: %+v", a.Row)
		}
	}
	end := w.rowRecord(k, &Row{Epoch: 1 << 50}, testSource, 1<<50)
	l.apply(&end)
	if a := l.Lookup(k); a.State != Unknown {
		t.Errorf("%+v behind its end", a.Row)
	}
}

// FuzzRecords reads records as anybody may have written them to the topic.
func FuzzRecords(f *testing.F) {
	w := reading(1)
	row := w.rowRecord(rk("k"), &Row{State: Known, Group: "acme", ID: "7", Source: testSource, Offset: 5, Epoch: 3}, testSource, 3)
	creates := creating(3, 5, "a", "b")
	for _, r := range []model.Record{
		row, w.rowRecord(rk("k"), &Row{Epoch: 3}, testSource, 3),
		w.record(0, annKey(annID{1, 7}), annValue(creates, time.UnixMilli(1764000000000))), w.record(0, annKey(annID{1, 7}), nil),
		w.record(0, markKey(2), []byte{9}),
	} {
		f.Add(r.Key, r.Value, r.Value == nil)
	}
	f.Fuzz(func(t *testing.T, key, value []byte, null bool) {
		l := reading(2)
		for _, create := range []bool{false, true} {
			r := model.Record{Key: key, Value: value}
			if null {
				r.Value = nil
			}
			l.apply(&r)
			if create { // whatever was read, what a process does itself holds
				l.Put([]Entry{{RowKey: rk("k"), Row: known("own", 1, 1<<62)}}, func(End) {})
				if a := l.Lookup(rk("k")); a.State != Known || a.ID != "own" {
					t.Errorf("a row that was put is %+v", a.Row)
				}
			}
		}
		l.OpenIntents()
		l.Each(func(RowKey, *Row) bool { return true })
	})
}
