package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
)

var testSpace = model.Space{Integration: "hubspot", Object: "contact", Name: "shop.contacts"}

func rk(key string) RowKey { return RowKey{testSpace, key} }

// member is a process with its ledger.
type member struct {
	*Ledger
	t     *testing.T
	epoch int64
}

// join starts a process in a synctest bubble; it ends with the test.
func join(t *testing.T, log *memoryLog, writer uint64) *member {
	ctx, stop := context.WithCancel(t.Context())
	l := New(Options{Log: log, Writer: writer, Changed: func() {}, Logger: zerolog.Nop()})
	var following sync.WaitGroup
	following.Go(func() { l.Follow(ctx) })
	t.Cleanup(func() { stop(); following.Wait() })
	m := &member{Ledger: l, t: t}
	var err error
	if m.epoch, err = l.newEpoch(t.Context()); err == nil {
		err = l.Barrier(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// own makes the member the owner of the source.
func (m *member) own() {
	m.t.Helper()
	confirm := func(context.Context) error { return nil }
	var err error
	if m.epoch, err = m.Own(m.t.Context(), []model.TopicPartition{testSource}, confirm); err != nil {
		m.t.Fatal(err)
	}
}

var testSource = model.TopicPartition{Topic: "shop.contacts", Partition: 3}

func known(id string, offset, epoch int64) Row {
	return Row{State: Known, Group: "acme", ID: id, Source: testSource, Offset: offset, Epoch: epoch}
}

// forgotten is what an owner says of a row that is not in the CRM any more.
func forgotten(epoch int64) Row { return Row{Source: testSource, Epoch: epoch} }

// set puts a row and waits for its acknowledgement.
func (m *member) set(key string, r Row) {
	done := make(chan struct{})
	m.Put([]Entry{{RowKey: rk(key), Row: r}}, func(end End) { end(nil, true); close(done) })
	<-done
}

// report puts a row as one that may have been replaced.
func (m *member) report(key string, r Row) {
	done := make(chan struct{})
	m.Report([]Entry{{RowKey: rk(key), Row: r}}, func() { close(done) })
	<-done
}

func (m *member) want(key string, state State, id string) {
	m.t.Helper()
	synctest.Wait()
	if a := m.Lookup(rk(key)); a.State != state || a.ID != id {
		m.t.Errorf("row %s is %s %q; expected %s %q", key, a.State, a.ID, state, id)
	}
}

func (m *member) wantOpen(key string, open bool) {
	m.t.Helper()
	synctest.Wait()
	if a := m.Lookup(rk(key)); (a.Open != nil) != open {
		m.t.Errorf("the intent of row %s: open %v, expected %v", key, a.Open != nil, open)
	}
}

func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestARowIsKnownToEveryMemberAndToWhoeverComesLater(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		a.set("k", known("7", 1, a.epoch))
		a.want("k", Known, "7")
		b.want("k", Known, "7")
		log.compact()
		c := join(t, log, 3)
		c.want("k", Known, "7")
		if c.epoch <= b.epoch || b.epoch <= a.epoch {
			t.Errorf("epochs %d, %d, %d do not rise", a.epoch, b.epoch, c.epoch)
		}
		a.set("k", Row{Epoch: a.epoch})
		for _, m := range []*member{a, b, c} {
			m.want("k", Unknown, "")
		}
	})
}

func TestTheBarrierWaitsForWhatWasAcknowledgedBefore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		for i := range 200 {
			a.set(fmt.Sprint(i), known(fmt.Sprint("id", i), int64(i), a.epoch))
		}
		b.own()
		for i := range 200 { // no synctest.Wait: the barrier is what is relied on
			if r := b.Lookup(rk(fmt.Sprint(i))); r.ID != fmt.Sprint("id", i) {
				t.Fatalf("row %d is %+v behind the barrier", i, r.Row)
			}
		}
	})
}

func TestALateRecordOfAnOldOwnerDoesNotEraseTheNewOwners(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(1)
		old := join(t, log, 1)
		old.set("k", known("old", 1, old.epoch))
		owner := join(t, log, 2)
		owner.set("k", known("new", 2, owner.epoch))
		old.set("k", known("zombie", 3, old.epoch)) // behind it in the log
		for range 2 {
			old.want("k", Known, "new")
			owner.want("k", Known, "new")
			join(t, log, 3).want("k", Known, "new")
			log.compact()
		}
		// And it does not come back when the row is forgotten.
		synctest.Wait()
		owner.set("k", Row{Epoch: owner.epoch})
		log.compact()
		join(t, log, 4).want("k", Unknown, "")
	})
}

// creating are creates of rows, from an offset on.
func creating(epoch, offset int64, keys ...string) (creates []Creating) {
	for i, k := range keys {
		w := &model.Write{
			Name: 1, Source: &model.Kept{TopicPartition: testSource, Offset: offset + int64(i)},
			Identity: &model.Identity{Space: &testSpace, Key: k},
		}
		creates = append(creates, Creating{w, epoch})
	}
	return creates
}

func announce(t *testing.T, m *member, keys ...string) *Announcement {
	t.Helper()
	a, err := m.Announce(t.Context(), creating(m.epoch, 10, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnAnnouncedCreateIsFoundOpenUntilItIsKnownWhatBecameOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a := join(t, log, 1)
		announced := announce(t, a, "written", "refused", "lost")
		next := join(t, log, 2)
		for _, k := range []string{"written", "refused", "lost"} {
			a.wantOpen(k, true)
			next.wantOpen(k, true)
		}
		a.set("written", known("7", 10, a.epoch))
		a.Over(announced.Create(0))
		a.Over(announced.Create(1))
		next.wantOpen("written", false)
		a.wantOpen("refused", false)
		// Only its owner knows of the refused one, until the announcement ends.
		next.wantOpen("refused", true)
		next.CloseSettled(testSource, next.epoch, func(offset int64, _ model.WriteName) bool { return offset == 11 })
		next.wantOpen("refused", false)
		next.wantOpen("lost", true)
		// The new owner finds out what became of it.
		next.set("lost", known("9", 12, next.epoch))
		synctest.Wait()
		log.compact()
		last := join(t, log, 3)
		for _, k := range []string{"written", "refused", "lost"} {
			last.wantOpen(k, false)
		}
		last.want("lost", Known, "9")
	})
}

// A member whose partitions were given away and back while it was not looking begins anew while the
// barrier of the rebalance still waits.
func TestTwoBarriersOfOneProcessMayEndInAnyOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		gate, first := make(chan struct{}), make(chan int64, 1)
		go func() {
			epoch, err := a.Own(t.Context(), []model.TopicPartition{testSource}, func(context.Context) error { <-gate; return nil })
			if err != nil {
				t.Error(err)
			}
			first <- epoch
		}()
		synctest.Wait()
		a.own()
		close(gate)
		if epoch := <-first; epoch < a.epoch {
			t.Errorf("the epoch is %d, and %d was claimed already", epoch, a.epoch)
		} else {
			a.set("k", known("7", 1, epoch))
		}
		b.want("k", Known, "7")
	})
}

func TestACreateIsOpenAgainWhereNobodyTookWhatWasSaidOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		a.own()
		announce(t, a, "k")
		b.own()
		exists := Row{State: Exists, Group: "acme", Source: testSource, Offset: 10, Epoch: a.epoch}
		done := make(chan struct{})
		a.Put([]Entry{{RowKey: rk("k"), Row: exists}}, func(End) { close(done) }) // behind b's mark
		<-done
		a.want("k", Unknown, "") // b has ended it
		b.set("another", known("8", 11, b.epoch))
		a.want("another", Known, "8")
		a.wantOpen("k", true)
		b.wantOpen("k", true)
	})
}

// The epoch of what an owner says of a row can be above its own: the row's last record was another
// owner's. That does not make it the owner.
func TestAnOwnerThatWasReplacedIsLateWhateverEpochItSpeaksWith(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		a.own()
		b.own()
		b.set("k", known("7", 1, b.epoch))
		a.want("k", Known, "7")
		late := Entry{RowKey: rk("k"), Row: Row{Epoch: a.EpochFor(rk("k"), a.epoch) - 1}, By: testSource, Owner: a.epoch}
		done := make(chan struct{})
		a.Report([]Entry{late}, func() { close(done) })
		<-done
		b.want("k", Known, "7")
		log.compact()
		join(t, log, 3).want("k", Known, "7")
	})
}

// It has read what the new owner has said, and does not know yet that it was replaced. The new one
// may be gone before it could say it once more.
func TestAnOwnerThatWasReplacedDoesNotTakeThePlaceOfTheNewOwnersRecord(t *testing.T) {
	for name, epoch := range map[string]int64{"of the same epoch": 0, "of a later epoch": 1} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				log := newMemoryLog(4)
				a, b := join(t, log, 1), join(t, log, 2)
				a.own()
				b.own()
				b.set("k", known("7", 1, b.epoch))
				a.want("k", Known, "7")
				log.stallAll(true) // b reads nothing any more
				forgets := Entry{RowKey: rk("k"), Row: Row{Epoch: b.epoch + epoch}, By: testSource, Owner: a.epoch}
				a.Put([]Entry{forgets}, func(End) {})
				if log.last(rk("k"), b.epoch).Value == nil {
					t.Error("the record of the new owner is gone")
				}
				a.want("k", Known, "7")
			})
		})
	}
}

func TestWhatAnOwnerSaidWithoutKnowingThatItWasReplacedItSaysAnewWhenItIsTheOwnerAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b := join(t, log, 1), join(t, log, 2)
		a.own()
		first := a.epoch
		a.set("k", known("7", 1, first))
		b.own()
		a.set("k", known("7", 1, first)) // behind b's mark: no other process takes it
		log.compact()                    // the one that they took is gone
		a.own()
		synctest.Wait()
		log.compact()
		join(t, log, 3).want("k", Known, "7")
	})
}

// overtaken is an owner, a, whose put of row k waits for a broker, and the one that has replaced it
// meanwhile.
func overtaken(t *testing.T) (log *memoryLog, a, b *member, release func()) {
	log = newMemoryLog(4)
	a, b = join(t, log, 1), join(t, log, 2)
	a.own()
	release = log.detain(func() { a.Put([]Entry{{RowKey: rk("k"), Row: known("7", 1, a.epoch)}}, func(End) {}) })
	b.own()
	return log, a, b, release
}

// A replaced owner's put waits for a broker while the new owner puts the row and forgets it again.
// When the old one reads on, compaction has left no more of that than its end.
func TestWhatNobodySawIsForgottenWithWhatTookItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, a, b, release := overtaken(t)
		synctest.Wait()
		log.stallAll(true)
		b.set("k", known("7", 1, b.epoch))
		b.set("k", forgotten(b.epoch))
		log.compactOnce()
		log.stallAll(false)
		a.want("k", Unknown, "")
		a.own()
		release()
		a.want("k", Unknown, "")
		b.want("k", Unknown, "")
		log.compact()
		join(t, log, 3).want("k", Unknown, "")
	})
}

// The owner ends a late record, and says nothing of the row by that: here it is known from
// another partition of the source, whose owner has had a lower epoch.
func TestTheEndOfALateRecordForgetsNoRow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(4)
		a, b, c := join(t, log, 1), join(t, log, 2), join(t, log, 3)
		a.own()
		b.own()
		release := log.detain(func() { b.Report([]Entry{{RowKey: rk("k"), Row: known("8", 2, b.epoch)}}, func() {}) })
		row := known("7", 1, a.epoch)
		row.Source.Partition++
		a.set("k", row)
		c.own()
		release()
		for _, m := range []*member{a, b, c, join(t, log, 4)} {
			m.want("k", Known, "7")
		}
	})
}

func TestARowThatWasForgottenBeforeDoesNotCloseALaterIntent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(8)
		a := join(t, log, 1)
		for i := range 20 { // over all partitions, some of which are read before the announcement's
			key := fmt.Sprint(i)
			a.set(key, known("7", 1, a.epoch))
			a.set(key, Row{Epoch: a.epoch})
			announce(t, a, key)
			join(t, log, uint64(100+i)).wantOpen(key, true)
		}
	})
}

func TestAnAnnouncementEndsWithItsLastCreate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		a := join(t, log, 1)
		announced := announce(t, a, "x", "y")
		a.Over(announced.Create(0))
		a.Over(announced.Create(1))
		synctest.Wait()
		log.compact()
		for _, records := range log.parts {
			for _, r := range records {
				if r.Key != nil && r.Key[1] == kindAnn {
					t.Errorf("the announcement is left: %q", r.Key)
				}
			}
		}
	})
}

// aside returns a key whose row lies in another partition than the announcements of a writer.
func aside(log *memoryLog, writer uint64) (key string, partition int) {
	for i := 0; ; i++ {
		key = fmt.Sprint("k", i)
		if p := int(partitionOf(rk(key), log.Partitions())); p != int(writer)%log.Partitions() {
			return key, p
		}
	}
}

// handedOver is a source whose old owner has announced a create and was replaced before its answer.
type handedOver struct {
	log        *memoryLog
	old, owner *member
	create     Create
	key        string // of its row
	partition  int    // of the log, that has the row
}

func handOver(t *testing.T) (h handedOver) {
	h.log = newMemoryLog(2)
	h.old, h.owner = join(t, h.log, 1), join(t, h.log, 2)
	h.key, h.partition = aside(h.log, 1)
	h.create = announce(t, h.old, h.key).Create(0)
	h.owner.own()
	return h
}

// TestAnEndThatIsReadBeforeItsRowDoesNotMakeTheRowUnknown: the partitions of the topic are not
// read in step. The old owner's late answer writes the row, and then ends its announcement.
func TestAnEndThatIsReadBeforeItsRowDoesNotMakeTheRowUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := handOver(t)
		h.log.stall(h.partition, true)
		h.old.set(h.key, known("7", 10, h.old.epoch))
		h.old.Over(h.create)
		h.owner.wantOpen(h.key, true)
		h.log.stall(h.partition, false)
		h.owner.want(h.key, Known, "7")
		h.owner.wantOpen(h.key, false)
	})
}

// TestACreateThatItsOldOwnerKnowsNotToBeAppliedIsOver: and whoever watches its row is told.
func TestACreateThatItsOldOwnerKnowsNotToBeAppliedIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := handOver(t)
		h.owner.Watch(rk(h.key))
		h.old.Over(h.create)
		h.owner.wantOpen(h.key, false)
		h.owner.want(h.key, Unknown, "")
		if _, told := h.owner.Changes()[rk(h.key)]; !told {
			t.Error("whoever watches the row is not told")
		}
	})
}

func TestAnAnnouncementThatIsNotAcknowledgedIsWithdrawn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(1)
		a := join(t, log, 1)
		log.hold(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Announce(ctx, creating(0, 1, "k")); err == nil {
			t.Fatal("it was announced although nothing acknowledged it")
		}
		log.hold(false)
		a.wantOpen("k", false)
		join(t, log, 2).wantOpen("k", false)
	})
}

func TestANewCreateOfTheNewOwnerTakesThePlaceOfAnOpenOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		old, owner := join(t, log, 1), join(t, log, 2)
		announce(t, old, "k")
		owner.wantOpen("k", true)
		again := announce(t, owner, "k") // it was found not to have been applied
		owner.Over(again.Create(0))
		owner.wantOpen("k", false)
		old.wantOpen("k", false)
		log.compact()
		join(t, log, 3).wantOpen("k", false)
	})
}

func TestALateAnswerToTheCreateInDoubtIsTakenOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		old, owner := join(t, log, 1), join(t, log, 2)
		old.own()
		announce(t, old, "k")
		owner.own()
		owner.set("k", Row{State: Doubt, Group: "acme", Source: testSource, Offset: 10, Epoch: owner.epoch})
		old.set("k", known("7", 10, old.epoch))
		for _, m := range []*member{old, owner, join(t, log, 3)} {
			m.want("k", Known, "7")
		}
		synctest.Wait()
		owner.set("k", Row{Epoch: owner.epoch})
		log.compact()
		join(t, log, 4).want("k", Unknown, "")
	})
}

// The record that said that the create was in doubt has an epoch of its own, of the owner in between.
func TestWhatALateAnswerTakesThePlaceOfIsEnded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, a, b, release := overtaken(t)
		b.set("k", Row{State: Doubt, Group: "acme", Source: testSource, Offset: 1, Epoch: b.epoch})
		a.own()
		release()
		a.want("k", Known, "7")
		a.set("k", forgotten(a.epoch))
		log.compact()
		join(t, log, 3).want("k", Unknown, "")
	})
}

// An owner that is not sure to be one any more says what it knows all the same, and where nobody
// has replaced it, that counts.
func TestWhatIsReportedCountsUnlessTheOwnerWasReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		first, second := join(t, log, 1), join(t, log, 2)
		first.own()
		first.set("moved", known("7", 1, first.epoch))
		first.set("gone", known("8", 2, first.epoch))
		second.own()
		second.report("moved", known("9", 3, second.epoch))
		second.report("gone", forgotten(second.epoch))
		for range 2 {
			for _, m := range []*member{first, second, join(t, log, 3)} {
				m.want("moved", Known, "9")
				m.want("gone", Unknown, "")
			}
			log.compact()
		}
		third := join(t, log, 4)
		third.own()
		second.report("moved", known("10", 4, second.epoch))
		second.report("gone", known("11", 5, second.epoch))
		for range 2 {
			for _, m := range []*member{first, second, third, join(t, log, 5)} {
				m.want("moved", Known, "9")
				m.want("gone", Unknown, "")
			}
			log.compact()
		}
	})
}

// TestWhateverOwnersAndZombiesWriteTheRightfulRowIsRead lets partitions move between members
// which go on writing as if they had not moved, compacts at any time, and compares every
// member, and one that reads from the start, with what the rightful owners wrote.
func TestWhateverOwnersAndZombiesWriteTheRightfulRowIsRead(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			log := newMemoryLog(1 + random.IntN(3))
			members := []*member{join(t, log, 1)}
			owner := members[0]
			owner.own()
			rightful := make(map[string]string)
			for step := range 120 {
				key := fmt.Sprint(random.IntN(6))
				switch p := random.IntN(100); {
				case p < 45:
					rightful[key] = fmt.Sprint("id", step)
					owner.set(key, known(rightful[key], int64(step), owner.epoch))
				case p < 60:
					delete(rightful, key)
					owner.set(key, forgotten(owner.epoch))
				case p < 80: // whoever it was before
					zombie := members[random.IntN(len(members))]
					if zombie == owner {
						continue
					}
					row := forgotten(zombie.epoch)
					if random.IntN(3) > 0 {
						row = known(fmt.Sprint("zombie", step), int64(step), zombie.epoch)
					}
					if random.IntN(2) > 0 {
						zombie.set(key, row)
					} else {
						zombie.report(key, row)
					}
				case p < 92:
					m := join(t, log, uint64(len(members)+1))
					members, owner = append(members, m), m
					owner.own()
				default:
					synctest.Wait()
					log.compact()
				}
			}
			synctest.Wait()
			log.compact()
			members = append(members, join(t, log, 1000))
			for _, m := range members {
				got := make(map[string]string)
				m.Each(func(k RowKey, r *Row) bool { got[k.Key] = r.ID; return true })
				if !reflect.DeepEqual(got, rightful) {
					t.Fatalf("seed %d: member %d has\n %v, expected\n %v", seed, m.options.Writer, got, rightful)
				}
			}
		})
	}
}
