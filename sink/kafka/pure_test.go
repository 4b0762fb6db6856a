package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestALostOffsetDoesWhatTheConfigurationSays(t *testing.T) {
	t.Parallel()
	for policy, want := range map[config.OnLostOffset]int64{config.LostStop: -1, config.LostEarliest: 100, config.LostLatest: 900, "": -1} {
		var fault error
		c := &Client{options: Options{Config: config.Kafka{OnLostOffset: policy}, Log: zerolog.Nop(), Fault: func(err error) { fault = err }}}
		to, err := c.afterLoss(&LostOffset{model.TopicPartition{Topic: "t", Partition: 3}, 7, 100, 900})
		if stops := want < 0; stops != (err != nil) || stops != (fault != nil) {
			t.Errorf("%q: error %v, fault %v", policy, err, fault)
			continue
		}
		var lost *LostOffset
		if want < 0 {
			if !errors.As(fault, &lost) || lost.Position != 7 {
				t.Errorf("%q: the fault is %v", policy, fault)
			}
		} else if to != want {
			t.Errorf("%q: goes on at %d, expected %d", policy, to, want)
		}
	}
}

func TestALostOffsetSaysWhatWasLostAndWhatToDo(t *testing.T) {
	t.Parallel()
	p := model.TopicPartition{Topic: "orders", Partition: 3}
	below := (&LostOffset{p, 7, 100, 900}).Error()
	above := (&LostOffset{p, 950, 100, 900}).Error()
	for _, part := range []string{"orders/3", "93 records", "retention", "kafka.on_lost_offset"} {
		if !strings.Contains(below, part) {
			t.Errorf("%q does not say %q", below, part)
		}
	}
	for _, part := range []string{"950", "100 to 900", "made anew", "kafka.on_lost_offset"} {
		if !strings.Contains(above, part) {
			t.Errorf("%q does not say %q", above, part)
		}
	}
}

func TestErrorsAreSortedIntoThoseThatARetryMendsAndTheOthers(t *testing.T) {
	t.Parallel()
	for err, advised := range map[error]bool{
		kerr.TopicAuthorizationFailed: true, kerr.GroupAuthorizationFailed: true, kerr.SaslAuthenticationFailed: true,
		kerr.UnsupportedSaslMechanism: true, kerr.FencedInstanceID: true, kerr.InvalidSessionTimeout: true,
		kerr.InconsistentGroupProtocol: true, kerr.ClusterAuthorizationFailed: false, kerr.InvalidGroupID: false,
	} {
		wrapped := fmt.Errorf("somewhere: %w", err)
		if !Fatal(wrapped) {
			t.Errorf("%v is taken for what a retry mends", err)
		}
		said := explain(wrapped, "reading t/0")
		if !errors.Is(said, err) || !strings.Contains(said.Error(), "reading t/0") {
			t.Errorf("%v is explained as %v", err, said)
		}
		if advised != (advice(err) != "") {
			t.Errorf("%v comes with the advice %q", err, advice(err))
		}
	}
	for _, err := range []error{
		nil, errors.New("x"), kerr.NotLeaderForPartition, kerr.CoordinatorNotAvailable, kerr.RebalanceInProgress,
		kerr.UnknownTopicOrPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.UnknownMemberID,
	} {
		if Fatal(err) {
			t.Errorf("%v stops the program", err)
		}
	}
	if CommitFatal(kerr.FencedInstanceID) || CommitFatal(kerr.RebalanceInProgress) || !CommitFatal(kerr.GroupAuthorizationFailed) {
		t.Error("a commit that was fenced off is the group's matter, and a missing right is not")
	}
	if !TooLarge(fmt.Errorf("x: %w", kerr.MessageTooLarge)) || TooLarge(kerr.NotLeaderForPartition) || !NoTopic(kerr.UnknownTopicOrPartition) {
		t.Error("refused letters are told apart wrongly")
	}
}

func TestWhatIsFetchedAheadStaysInsideItsBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.Int64Range(1<<20, 1<<30).Draw(t, "bound")
		f := newFetchBudget(bound)
		updates := 0
		var fetch, partition int32
		f.apply(func(a, b int32) { fetch, partition, updates = a, b, updates+1 })
		for range rapid.IntRange(1, 40).Draw(t, "batches") {
			packed := rapid.IntRange(minFetch/8, 1<<20).Draw(t, "packed")
			unpacked := packed * rapid.IntRange(1, 40).Draw(t, "packing")
			f.OnFetchBatchRead(kgo.BrokerMetadata{}, "", 0, kgo.FetchBatchMetrics{CompressedBytes: packed, UncompressedBytes: unpacked})
			// Packed like what was just seen, as many answers as may be held are inside the bound.
			if ahead := float64(fetch) * maxFetches * float64(unpacked) / float64(packed); fetch > minFetch && ahead > float64(bound)*1.002 {
				t.Fatalf("%.0f bytes may be fetched ahead of %d", ahead, bound)
			}
			if fetch < minFetch || partition < minFetch || partition > fetch {
				t.Fatalf("a fetch of %d, %d of a partition", fetch, partition)
			}
		}
	})
}

func TestThePackingThatIsAssumedFallsSlowlyAndIgnoresTheTiny(t *testing.T) {
	t.Parallel()
	f := newFetchBudget(64 << 20)
	before, _ := f.sizes()
	read := func(packed, unpacked int) {
		f.OnFetchBatchRead(kgo.BrokerMetadata{}, "", 0, kgo.FetchBatchMetrics{CompressedBytes: packed, UncompressedBytes: unpacked})
	}
	read(100, 100_000)
	if now, _ := f.sizes(); now != before {
		t.Errorf("a batch of 100 bytes changed the fetch from %d to %d", before, now)
	}
	read(100_000, 100_000)
	if now, _ := f.sizes(); now < before || now > before+before/20 {
		t.Errorf("one batch that is not packed changed the fetch from %d to %d", before, now)
	}
	for range 1000 {
		read(100_000, 100_000)
	}
	if now, _ := f.sizes(); now < 5*before {
		t.Errorf("a thousand batches that are not packed changed the fetch from %d to only %d", before, now)
	}
}

func TestOurOwnTopicsAreRecognised(t *testing.T) {
	t.Parallel()
	for template, cases := range map[string]map[string]bool{
		"{topic}.dead": {"shop.orders.dead": true, "orders.dead": true, ".dead": false, "orders.dead.x": false, "ordersxdead": false},
		"all.dead":     {"all.dead": true, "allxdead": false, "x.all.dead": false},
		"dead-{topic}": {"dead-orders": true, "dead-": false, "undead-orders": false},
	} {
		for topic, want := range cases {
			if got := regexp.MustCompile(OwnPattern(template)).MatchString(topic); got != want {
				t.Errorf("%s: %s is ours: %v, expected %v", template, topic, got, want)
			}
		}
	}
}

func TestALetterKeepsItsPartitionWhereThereIsOne(t *testing.T) {
	t.Parallel()
	of := partitionOf("dead")
	for n := 1; n < 20; n++ {
		for p := range int32(30) {
			r := &kgo.Record{Partition: p, Key: []byte(`{"id":1}`)}
			got := of(r, n)
			if int(p) < n && got != int(p) {
				t.Fatalf("partition %d of %d became %d", p, n, got)
			}
			if got < 0 || got >= n || got != of(r, n) {
				t.Fatalf("partition %d of %d became %d", p, n, got)
			}
		}
	}
}

// fetch answers in the two shapes that Kafka has had.
func TestTheMetadataOfACommitIsFoundInBothShapes(t *testing.T) {
	t.Parallel()
	text := "ours"
	old, now := kmsg.NewPtrOffsetFetchResponse(), kmsg.NewPtrOffsetFetchResponse()
	old.Topics = []kmsg.OffsetFetchResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetFetchResponseTopicPartition{
		{Partition: 1, Offset: 41, Metadata: &text}, {Partition: 2, Offset: -1},
	}}}
	now.Groups = []kmsg.OffsetFetchResponseGroup{{Group: "g", Topics: []kmsg.OffsetFetchResponseGroupTopic{{Topic: "t", Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{
		{Partition: 1, Offset: 41, Metadata: &text}, {Partition: 2, Offset: -1},
	}}}}}
	for _, resp := range []*kmsg.OffsetFetchResponse{old, now} {
		var got []string
		metadataOf(resp, func(p model.TopicPartition, offset int64, metadata string) {
			got = append(got, fmt.Sprint(p.Topic, p.Partition, " ", offset, " ", metadata))
		})
		if want := []string{"t1 41 ours", "t2 -1 "}; !slices.Equal(got, want) {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

func TestACommitIsDurableOnlyWhereTheBrokerSaidSo(t *testing.T) {
	t.Parallel()
	at := func(p int32) model.TopicPartition { return model.TopicPartition{Topic: "t", Partition: p} }
	commits := map[model.TopicPartition]Commit{at(0): {}, at(1): {}, at(2): {}}
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitResponseTopicPartition{
		{Partition: 0}, {Partition: 1, ErrorCode: kerr.OffsetMetadataTooLarge.Code},
	}}}
	failed := commitErrors(commits, resp, nil)
	if len(failed) != 2 || failed[at(0)] != nil || !errors.Is(failed[at(1)], kerr.OffsetMetadataTooLarge) || failed[at(2)] == nil {
		t.Errorf("not committed: %v", failed)
	}
	down := errors.New("no answer")
	if failed := commitErrors(commits, nil, down); len(failed) != 3 || !errors.Is(failed[at(0)], down) {
		t.Errorf("without an answer, not committed: %v", failed)
	}
}

func TestACommitCarriesItsMetadata(t *testing.T) {
	t.Parallel()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 4}, {Partition: 5}}}}
	addMetadata(req, map[model.TopicPartition]Commit{{Topic: "t", Partition: 4}: {Metadata: "ours"}})
	if got := *req.Topics[0].Partitions[0].Metadata; got != "ours" {
		t.Errorf("the metadata is %q", got)
	}
	if got := *req.Topics[0].Partitions[1].Metadata; got != "" {
		t.Errorf("another partition's metadata is %q", got)
	}
}

func TestALeaseIsHeldUntilItRunsOut(t *testing.T) {
	t.Parallel()
	l := &lease{kick: make(chan struct{}, 1), renewed: make(chan struct{})}
	now := time.Unix(1000, 0)
	if l.valid(now) {
		t.Fatal("a lease is held before the group was joined")
	}
	renewal := l.renewal()
	l.extend(now.Add(time.Second))
	select {
	case <-renewal:
	default:
		t.Fatal("who waits for the lease was not told")
	}
	if !l.valid(now.Add(time.Second-1)) || l.valid(now.Add(time.Second)) {
		t.Fatal("the lease does not end when it should")
	}
	renewal = l.renewal()
	l.extend(neverHeld)
	select {
	case <-renewal:
		t.Fatal("the loss of the lease is told as its renewal")
	default:
	}
	if l.valid(now) {
		t.Fatal("the lease is still held although it was lost")
	}
}

// revocable is a Group that notes what it is told.
type revocable struct{ told []string }

func (g *revocable) Assigned(ps []model.TopicPartition) {
	g.told = append(g.told, fmt.Sprint("assigned ", ps))
}
func (g *revocable) Positioned(p model.TopicPartition, at int64, metadata string) {
	g.told = append(g.told, fmt.Sprint("positioned ", p, " ", at, " ", metadata))
}
func (g *revocable) Revoked(_ context.Context, ps []model.TopicPartition) {
	g.told = append(g.told, fmt.Sprint("revoked ", ps))
}
func (g *revocable) Barrier(_ context.Context, ps []model.TopicPartition) error {
	g.told = append(g.told, fmt.Sprint("barrier ", ps))
	return nil
}
func (g *revocable) Replaced()                      { g.told = append(g.told, "replaced") }
func (g *revocable) Lost(ps []model.TopicPartition) { g.told = append(g.told, fmt.Sprint("lost ", ps)) }

func TestTheGroupIsToldOfChangesAndOfNothingElse(t *testing.T) {
	t.Parallel()
	g := &revocable{}
	c := &Client{ready: begun(), options: Options{Group: g}, held: make(map[model.TopicPartition]bool), lease: &lease{kick: make(chan struct{}, 1), renewed: make(chan struct{})}}
	var err error
	if c.kgo, err = kgo.NewClient(); err != nil {
		t.Fatal(err)
	}
	defer c.kgo.Close()
	one := map[string][]int32{"t": {1}}
	c.lease.extend(time.Now().Add(time.Hour))
	c.assigned(t.Context(), nil, nil) // nothing is new: the rest of a cooperative rebalance
	c.assigned(t.Context(), nil, one)
	if len(c.lease.kick) != 1 {
		t.Error("the lease is not renewed with the join")
	}
	c.revoked(t.Context(), nil, nil)
	c.revoked(t.Context(), nil, one)
	if !c.LeaseValid() {
		t.Error("the lease ended with a revocation: what is kept may still be sent")
	}
	c.lost(t.Context(), nil, one)
	if c.LeaseValid() {
		t.Error("the lease is held although the partitions are lost")
	}
	want := []string{"assigned [{t 1}]", "revoked [{t 1}]", "lost [{t 1}]"}
	if !slices.Equal(g.told, want) {
		t.Errorf("told %q, expected %q", g.told, want)
	}
}

func TestARecordIsHandedOutAsItWasPolled(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	p := &Partition{TopicPartition: model.TopicPartition{Topic: "t", Partition: 2}, records: []*kgo.Record{
		{Offset: 5, LeaderEpoch: 3, Timestamp: at, Key: []byte("k"), Value: nil, Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
		{Offset: 6, Key: nil, Value: []byte{}},
	}}
	var scratch model.Record
	r := p.Record(0, &scratch)
	if r.Offset != 5 || r.LeaderEpoch != 3 || !r.Timestamp.Equal(at) || r.TopicPartition != p.TopicPartition || string(r.Key) != "k" || r.Value != nil || r.Control {
		t.Errorf("the record is %+v", r)
	}
	if len(r.Headers) != 2 || string(r.Headers[0].Value) != "1" || r.Headers[1].Value != nil {
		t.Errorf("its headers are %+v", r.Headers)
	}
	if r = p.Record(1, &scratch); r.Offset != 6 || r.Key != nil || r.Value == nil || len(r.Headers) != 0 {
		t.Errorf("the next record is %+v: it has something of the one before", r)
	}
}

// begun is a client's ready channel after Begin.
func begun() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
