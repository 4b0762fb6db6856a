package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/ampersink/ampersink/internal/model"
)

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
