package model_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
)

func records() *rapid.Generator[model.Record] {
	value := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300))
	return rapid.Custom(func(t *rapid.T) model.Record {
		r := model.Record{
			TopicPartition: model.TopicPartition{Topic: rapid.String().Draw(t, "topic"), Partition: rapid.Int32().Draw(t, "partition")},
			Offset:         rapid.Int64().Draw(t, "offset"), LeaderEpoch: rapid.Int32().Draw(t, "epoch"),
			Timestamp: time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "timestamp")),
			Key:       value.Draw(t, "key"), Value: value.Draw(t, "value"),
		}
		for range rapid.IntRange(0, 200).Draw(t, "headers") {
			r.Headers = append(r.Headers, model.Header{Key: rapid.String().Draw(t, "name"), Value: value.Draw(t, "header")})
		}
		return r
	})
}

// same compares records, a null and an empty value told apart.
func same(t *rapid.T, got, want model.Record) {
	equal := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	if got.TopicPartition != want.TopicPartition || got.Offset != want.Offset || got.LeaderEpoch != want.LeaderEpoch || !got.Timestamp.Equal(want.Timestamp) {
		t.Fatalf("%s/%d@%d, expected %s/%d@%d", got.Topic, got.Partition, got.Offset, want.Topic, want.Partition, want.Offset)
	}
	if !equal(got.Key, want.Key) || !equal(got.Value, want.Value) {
		t.Fatalf("key %q and value %q, expected %q and %q", got.Key, got.Value, want.Key, want.Value)
	}
	if !slices.EqualFunc(got.Headers, want.Headers, func(a, b model.Header) bool { return a.Key == b.Key && equal(a.Value, b.Value) }) {
		t.Fatalf("headers %q, expected %q", got.Headers, want.Headers)
	}
}

func clone(r model.Record) model.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
	}
	return r
}

// The client's buffers are used again as soon as the record was worked in.
func TestAKeptRecordOutlivesTheBuffersItCameIn(t *testing.T) {
	t.Parallel()
	var p model.Packer // one for all, as the mapper has it
	rapid.Check(t, func(t *rapid.T) {
		polled := rapid.SliceOfN(records(), 1, 4).Draw(t, "records")
		texts := rapid.SliceOfN(rapid.String(), len(polled), len(polled)).Draw(t, "texts")
		var want []model.Record
		kept := make([]model.Kept, len(polled))
		added := make([]string, len(polled))
		for i := range polled {
			want = append(want, clone(polled[i]))
			p.Begin(&polled[i])
			if !p.Append(p.Buffer()).Empty() {
				t.Fatal("nothing was added, and the span is not empty")
			}
			first := p.Append(append(p.Buffer(), texts[i]...))
			second := p.Append(append(p.Buffer(), "\x00end"...))
			text := p.Finish(&polled[i], &kept[i])
			if text.At(second) != "\x00end" {
				t.Fatalf("the second span is %q", text.At(second))
			}
			added[i] = text.At(first)
			scribble(&polled[i])
		}
		for i := range kept {
			same(t, kept[i].Record(), want[i])
			if kept[i].Key() != string(want[i].Key) || added[i] != texts[i] {
				t.Fatalf("key %q and text %q, expected %q and %q", kept[i].Key(), added[i], want[i].Key, texts[i])
			}
			scribble(new(kept[i].Record())) // the result owns its bytes
			same(t, kept[i].Record(), want[i])
		}
	})
}

func scribble(r *model.Record) {
	for i := range r.Key {
		r.Key[i] ^= 0xff
	}
	for i := range r.Value {
		r.Value[i] ^= 0xff
	}
	for i := range r.Headers {
		for j := range r.Headers[i].Value {
			r.Headers[i].Value[j] ^= 0xff
		}
	}
}

func TestKeepCopiesTheRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := records().Draw(t, "record")
		want := clone(r)
		k := model.Keep(&r)
		scribble(&r)
		same(t, k.Record(), want)
	})
}

func TestTheSizeCountsEveryByteThatIsRetained(t *testing.T) {
	t.Parallel()
	// The allocator's slack is at most an eighth.
	within := func(what string, got, least int64) {
		t.Helper()
		if got < least || got > least+least/8+8 {
			t.Errorf("%s of %d bytes counts %d", what, least, got)
		}
	}
	empty := model.Keep(&model.Record{}).Size()
	r := model.Record{Key: make([]byte, 10), Value: make([]byte, 1000), Headers: []model.Header{{Key: "name", Value: make([]byte, 50)}}}
	whole := model.Keep(&r).Size()
	within("a record", whole-empty, 10+1000+4+50)
	var p model.Packer
	var k model.Kept
	p.Begin(&r)
	p.Append(append(p.Buffer(), strings.Repeat("f", 500)...))
	p.Finish(&r, &k)
	within("what a write adds", k.Size()-whole, 500)
}

func TestPackingARecordCostsOneAllocation(t *testing.T) {
	r := model.Record{Key: []byte("k"), Value: make([]byte, 700), Headers: []model.Header{{Key: "h", Value: []byte("v")}}}
	var p model.Packer
	var k model.Kept
	if n := testing.AllocsPerRun(100, func() {
		p.Begin(&r)
		p.Append(append(p.Buffer(), "fields"...))
		p.Finish(&r, &k)
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestAHugeRecordDoesNotStayInThePacker(t *testing.T) {
	t.Parallel()
	var p model.Packer
	var k model.Kept
	huge := model.Record{Value: make([]byte, 8<<20)}
	p.Begin(&huge)
	p.Finish(&huge, &k)
	p.Begin(&model.Record{Value: []byte("small")})
	if c := cap(p.Buffer()); c > 1<<20 {
		t.Errorf("%d bytes stay", c)
	}
}

func TestTheLastHeaderOfANameCounts(t *testing.T) {
	t.Parallel()
	r := model.Record{Headers: []model.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "a", Value: []byte("2")}}}
	if v, ok := r.Header("a"); !ok || string(v) != "2" {
		t.Errorf("a is %q (%v)", v, ok)
	}
	if v, ok := r.Header("b"); !ok || v != nil {
		t.Errorf("b is %q (%v), expected a null", v, ok)
	}
	if _, ok := r.Header("c"); ok {
		t.Error("c is there")
	}
}

func BenchmarkPack(b *testing.B) {
	r := model.Record{Key: []byte(`{"id":1}`), Value: make([]byte, 700)}
	fields := bytes.Repeat([]byte("f"), 250)
	var p model.Packer
	var k model.Kept
	b.ReportAllocs()
	for b.Loop() {
		p.Begin(&r)
		p.Append(append(p.Buffer(), fields...))
		p.Finish(&r, &k)
	}
}
