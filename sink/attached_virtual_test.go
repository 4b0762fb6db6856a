//go:build synctests

package sink_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/sink"
)

// outliving lets requests be under way for longer than a partition is held back for them, over a
// topic of two partitions.
func outliving(t *testing.T, edits ...func(*virtual, *sink.Options)) func(*virtual, *sink.Options) {
	return func(v *virtual, o *sink.Options) {
		v.topic = v.kafka.NewTopic(t, 2, nil)
		retry := o.Config.Retry
		o.Config = configure(t, v.kafka.Brokers(), "g", v.topic, "http://127.0.0.1:1", "")
		o.Config.Retry, o.Config.Ampersand.Timeout = retry, 5*time.Minute
		for _, edit := range edits {
			edit(v, o)
		}
	}
}

// produceToBoth produces one record to each of the two partitions.
func (v *virtual) produceToBoth(t *testing.T, first, second *kgo.Record) {
	first.Partition, second.Partition = 0, 1
	v.kafka.ProduceTo(t, first, second)
}

// relieved starts another member, and returns it when it has one of the two partitions: the drain
// bound has passed by then.
func (v *virtual) relieved(t *testing.T, o *sink.Options) *running {
	t.Helper()
	other := start(t, *o)
	time.Sleep(40 * time.Second)
	if a, b := len(v.Status().Partitions), len(other.Status().Partitions); a != 1 || b != 1 {
		t.Fatalf("%d and %d partitions, expected one each", a, b)
	}
	return other
}

// leftBy stops a member, and returns when the first one has both partitions.
func (v *virtual) leftBy(t *testing.T, other *running) {
	t.Helper()
	if err := other.drain(); err != nil {
		t.Error(err)
	}
	time.Sleep(15 * time.Second)
	if n := len(v.Status().Partitions); n != 2 {
		t.Fatalf("%d partitions, expected both", n)
	}
}

// A partition goes and comes back while a request is under way: its record is read again and is
// attached to the request, whose answer settles it.
func TestARecordThatIsReadAgainIsNotSentBesideItsRequest(t *testing.T) {
	inVirtualTime(t, func(n int, _ call, w http.ResponseWriter) bool {
		switch n {
		case 0:
			time.Sleep(2 * time.Minute)
		case 1: // the other member's, which ends before it may try again
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}, func(t *testing.T, v *virtual) {
		time.Sleep(10 * time.Second)
		v.produceToBoth(t, update(v.topic, 1, 1), update(v.topic, 2, 1))
		time.Sleep(time.Second)
		other := v.relieved(t, &v.options)
		if n := v.rows(); n != 3 {
			t.Fatalf("%d rows are sent, expected two and that of the partition that went", n)
		}
		v.leftBy(t, other)
		if st := v.Status(); len(st.Totals.Written) != 0 {
			t.Fatalf("%v are written before the answer", st.Totals.Written)
		}
		time.Sleep(3 * time.Minute)
		if n, st := v.rows(), v.Status(); n != 3 || st.Totals.Written["update"] != 2 {
			t.Errorf("%d rows sent, %v written", n, st.Totals.Written)
		}
		if n := committed(t, v.kafka.Endpoint, "g", v.topic); n != 2 {
			t.Errorf("%d records are committed, expected both", n)
		}
	}, outliving(t))
}

// The drain bound passes, and the new owner writes the record. What the CRM says to the old
// owner after that is nobody's fate.
func TestALateAnswerToTheOldOwnerSettlesNothing(t *testing.T) {
	inVirtualTime(t, func(n int, c call, w http.ResponseWriter) bool {
		switch n {
		case 0:
			time.Sleep(2 * time.Minute)
		case 1: // the new owner's
			return false
		}
		return refuseBad(n, c, w)
	}, func(t *testing.T, v *virtual) {
		bad := func(id int) *kgo.Record {
			return event(v.topic, "u", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"bad","name":"N","version":1,"crm_id":"%d"}`, id, 1000+id))
		}
		time.Sleep(10 * time.Second)
		v.produceToBoth(t, bad(1), bad(2))
		v.produceToBoth(t, update(v.topic, 3, 1), update(v.topic, 4, 1)) // in one request: it names whom it refuses
		time.Sleep(time.Second)
		other := v.relieved(t, &v.options)
		time.Sleep(10 * time.Second)
		if n := committed(t, v.kafka.Endpoint, "g", v.topic); n != 2 || other.Status().Totals.Written["update"] != 2 {
			t.Fatalf("%d committed by the new owner, totals %+v", n, other.Status().Totals)
		}
		time.Sleep(3 * time.Minute)
		letters := v.kafka.ReadAll(t, v.topic+".dead")
		if len(letters) != 1 || v.Status().Totals.DeadLettered["INVALID_EMAIL_ADDRESS"] != 1 {
			t.Fatalf("%d dead letters, %v; expected that of the partition that has stayed", len(letters), v.Status().Totals.DeadLettered)
		}
		if p := letter(t, letters[0]).Record.Partition; p != v.Status().Partitions[0].Partition {
			t.Errorf("the dead letter is of partition %d, which the old owner does not have any more", p)
		}
		if err := other.drain(); err != nil {
			t.Error(err)
		}
	}, outliving(t))
}

// The drain bound passes with a create under way, which nothing was written down about: it is in doubt
// in the dead letters, and committed, before anybody else reads it.
func TestACreateThatOutlivesTheDrainIsInDoubtBeforeItsPartitionGoes(t *testing.T) {
	inVirtualTime(t, func(n int, _ call, _ http.ResponseWriter) bool {
		if n == 0 {
			time.Sleep(2 * time.Minute)
		}
		return false
	}, func(t *testing.T, v *virtual) {
		time.Sleep(10 * time.Second)
		v.produceToBoth(t, create(v.topic, 1), create(v.topic, 2))
		time.Sleep(time.Second)
		other := v.relieved(t, &v.options)
		gone := other.Status().Partitions[0].Partition
		letters := v.kafka.ReadAll(t, v.topic+".dead")
		if len(letters) != 1 {
			t.Fatalf("%d dead letters, expected that of the partition that went", len(letters))
		}
		if l := letter(t, letters[0]); l.Reason.Code != "in_doubt" || l.Record.Partition != gone {
			t.Errorf("the dead letter is %q of partition %d, expected in_doubt of %d", l.Reason.Code, l.Record.Partition, gone)
		}
		if c := v.kafka.Committed(t, "g")[v.topic][gone]; c.Offset != 1 {
			t.Errorf("committed is %d", c.Offset)
		}
		time.Sleep(3 * time.Minute)
		if n := v.rows(); n != 2 || other.Status().Totals.Records != 0 {
			t.Errorf("%d rows are sent, the new owner read %d", n, other.Status().Totals.Records)
		}
		if n := len(v.kafka.ReadAll(t, v.topic+".dead")); n != 1 || v.Status().Totals.Written["create"] != 1 {
			t.Errorf("%d dead letters at the end, totals %+v", n, v.Status().Totals)
		}
		if err := other.drain(); err != nil {
			t.Error(err)
		}
	}, outliving(t))
}

// A row is moved to another group's CRM, by a delete in one and a create in the other. Its partition goes
// while the delete is under way, its next owner does both and dies, and the partition comes back before
// the answer: what it means by then is for the ledger to say.
func TestWhatWasDecidedBeforeAPartitionWentIsDecidedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		create          time.Duration // which the next owner waits for
		written, parked int64
	}{
		"its next owner died during the create":   {create: 10 * time.Minute, written: 3, parked: 1},
		"its next owner died before it committed": {written: 4},
	} {
		t.Run(name, func(t *testing.T) {
			deletes := 0
			inVirtualTime(t, func(_ int, call call, _ http.ResponseWriter) bool {
				switch {
				case call.Type == "delete":
					if deletes++; deletes <= 2 {
						time.Sleep(4 * time.Minute)
					}
				case call.Type == "create" && call.Group == "globex" && deletes == 3:
					deletes++
					time.Sleep(c.create)
				}
				return false
			}, func(t *testing.T, v *virtual) {
				v.losesARowThatMoves(t)
				time.Sleep(30 * time.Minute)
				for email, n := range v.creates() {
					if n != 2 {
						t.Errorf("%s is created %d times, expected once in each group", email, n)
					}
				}
				st := v.Status()
				if n := st.Totals.Written["update"] + st.Totals.Written["create"]; n != c.written || st.Totals.DeadLettered["in_doubt"] != c.parked {
					t.Errorf("%v written, %v dead-lettered", st.Totals.Written, st.Totals.DeadLettered)
				}
			}, outliving(t, func(_ *virtual, o *sink.Options) {
				late(o.Config)
				o.Config.Routes[0].OnGroupChange = "move"
				o.Config.Routes[0].Batch.InFlight = 4
			}))
		})
	}
}

// losesARowThatMoves has another member do what is under way here, until it dies without a commit.
func (v *virtual) losesARowThatMoves(t *testing.T) {
	t.Helper()
	moved := func(id int) *kgo.Record {
		return event(v.topic, "u", id, fmt.Sprintf(`{"id":%d,"tenant":"globex","email":"u%d@example.com","name":"N","version":2}`, id, id))
	}
	time.Sleep(10 * time.Second)
	v.produceToBoth(t, change(v.topic, "c", 1, 1), change(v.topic, "c", 2, 1))
	time.Sleep(10 * time.Second)
	v.produceToBoth(t, moved(1), moved(2))
	relent := v.kafka.RefuseGroup("g", kerr.CoordinatorLoadInProgress, kmsg.OffsetCommit)
	time.Sleep(time.Second)
	mortal := &cable{dialer: v.kafka.Dial}
	o := v.options
	o.Dial = mortal.dial
	v.relieved(t, &o)
	mortal.cut()
	relent()
	time.Sleep(time.Minute)
	if n := len(v.Status().Partitions); n != 2 {
		t.Fatalf("%d partitions, expected both", n)
	}
}
