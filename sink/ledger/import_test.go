package ledger

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// imports puts a row as a person says it, and waits for its acknowledgement.
func (m *member) imports(key string, r Row) {
	done := make(chan struct{})
	m.Import([]Entry{{RowKey: rk(key), Row: r}}, func() { close(done) })
	<-done
}

func said(id string) Row { return Row{State: Known, Group: "acme", ID: id} }

func TestAnImportedRowTakesThePlaceOfWhatIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		owner := join(t, log, 1)
		owner.set("k", known("7", 1, owner.epoch))
		tool := join(t, log, 2)
		tool.imports("k", said("8"))
		tool.imports("new", said("9"))
		later := join(t, log, 3)
		for _, m := range []*member{owner, tool, later} {
			m.want("k", Known, "8")
			m.want("new", Known, "9")
		}
		// The owner has the last word.
		owner.set("k", known("10", 2, owner.epoch))
		owner.set("new", Row{Epoch: owner.epoch})
		synctest.Wait()
		log.compact()
		for _, m := range []*member{owner, tool, later, join(t, log, 4)} {
			m.want("k", Known, "10")
			m.want("new", Unknown, "")
		}
	})
}

func TestAnImportedRowEndsTheDoubtAboutItsCreate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(8)
		dead := join(t, log, 1)
		for i := range 20 { // over all partitions, some of which are read before the announcement's
			announce(t, dead, fmt.Sprint(i))
		}
		owner, tool := join(t, log, 2), join(t, log, 3)
		for i := range 20 {
			key := fmt.Sprint(i)
			tool.wantOpen(key, true)
			tool.imports(key, said("7"))
		}
		synctest.Wait()
		last := join(t, log, 4)
		for i := range 20 {
			for _, m := range []*member{dead, owner, tool, last} {
				m.wantOpen(fmt.Sprint(i), false)
				m.want(fmt.Sprint(i), Known, "7")
			}
		}
		// And it does not come back when the row is gone.
		for i := range 20 {
			owner.set(fmt.Sprint(i), Row{Epoch: owner.epoch})
		}
		synctest.Wait()
		log.compact()
		anew := join(t, log, 5)
		for i := range 20 {
			anew.wantOpen(fmt.Sprint(i), false)
			anew.want(fmt.Sprint(i), Unknown, "")
		}
	})
}

// A row that is known to be absent is told as unknown, and has an epoch all the same.
func TestARowIsImportedThatWasFoundNotToBeThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		dead, owner := join(t, log, 1), join(t, log, 2)
		announce(t, dead, "k", "other") // the announcement stays: nothing is known of the other
		synctest.Wait()
		owner.Over(announce(t, owner, "k").Create(0))
		owner.wantOpen("k", false)
		owner.want("k", Unknown, "")
		tool := join(t, log, 3)
		tool.imports("k", said("7"))
		for _, m := range []*member{dead, owner, tool, join(t, log, 4)} {
			m.want("k", Known, "7")
			m.wantOpen("other", true)
		}
	})
}

func TestAnImportDoesNotEndWhatIsNotSaidInIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newMemoryLog(2)
		dead := join(t, log, 1)
		announce(t, dead, "k", "other")
		tool := join(t, log, 2)
		tool.wantOpen("k", true)
		tool.imports("k", said("7"))
		synctest.Wait()
		log.compact()
		last := join(t, log, 3)
		last.wantOpen("k", false)
		last.wantOpen("other", true)
	})
}
