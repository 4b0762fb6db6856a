//go:build synctests

package sim_test

// brokenRelations are programs that link a row to the wrong record or to none, or take what one route made of an
// event for what another one did.
func brokenRelations() []mutant {
	return []mutant{
		{
			"a child that overtakes the create of its parent", "sink/ledger/link.go",
			"(c.n.Rules.MissingParent == model.RuleWait || c.Busy(p.Conflict))", "c.n.Rules.MissingParent == model.RuleWait", "overtaken: ",
		},
		{
			"the parents of a record's other write", "mapping/mapper.go",
			"d.identity(w, new(model.Identity), text, m.parents[d.firstParent:])", "d.identity(w, new(model.Identity), text, m.parents)", "wrong parent: ",
		},
		{
			"a record that is done when one of its writes is", "sink/offsets/tracker.go",
			"	r.open--\n	t.open--", "	t.open -= int(r.open)\n	r.open = 0", "lost: ",
		},
		{
			"a write that is done and not remembered while another one of its record is open", "sink/offsets/tracker.go",
			"return int(r.open) <= len(r.more)", "return r.open == 0", "sent again: ",
		},
	}
}
