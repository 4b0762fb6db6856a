package ledger

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

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
