//go:build synctests

package sim_test

// brokenIdentity are programs that forget or mistake which CRM record a source row is. Most of
// them go wrong only where a member is caught between two steps of a create, or speaks late.
func brokenIdentity() []mutant {
	announce := "	l.append(append(make([]model.Record, 0, 1+companions), record), func(int64) { close(acknowledged) })\n"
	return []mutant{
		{
			"no announcement", "sink/ledger/intent.go", announce,
			"	_ = record\n	close(acknowledged)\n", "duplicate: ",
		},
		{
			"a create sent before its announcement is acknowledged", "sink/ledger/intent.go", announce,
			"	l.append(append(make([]model.Record, 0, 1+companions), record), func(int64) {})\n	close(acknowledged)\n", "duplicate: ",
		},
		{
			"an open intent ignored by the next owner", "sink/ledger/decide.go",
			"case c.own.Open != nil, c.own.State == Doubt,", "case c.own.Open != nil && c.own.Open.Own, c.own.State == Doubt,", "duplicate: ",
		},
		{
			"a create in doubt searched for too short a time", "sink/ledger/decide.go",
			"last := since.Add(c.Timeout + c.n.Rules.IndexLag)", "last := since", "duplicate: ",
		},
		{
			"a create in doubt never searched for", "sink/ledger/decide.go",
			"	if !c.searchable() {\n		if", "	if true {\n		if", "parked although ",
		},
		{
			"a delete that does not mind a create in doubt", "sink/ledger/decide.go",
			"if since, lost, doubt := c.doubt(); doubt {", "if since, lost, doubt := c.doubt(); doubt && c.w.Want != model.Delete {", "diverged: ",
		},
		{
			"written before the ledger has acknowledged the row", "sink/voice.go",
			"		d.ledger.Put(d.puttings.entries, func(end ledger.End) { d.acknowledged(f, end) })\n", settledAtOnce, "duplicate: ",
		},
		{
			"the row of a replaced owner accepted", "sink/ledger/owner.go",
			"if !l.owners.replaced(by, epoch, r.Partition) {", "if _, _ = by, epoch; true {", "ledger: ",
		},
		{
			"no barrier at an assignment", "sink/ledger/owner.go",
			"		if err = l.readBehind(ctx, l.appendMarks(records, n), n); err != nil {",
			"		if l.append(l.appendMarks(records, n), func(int64) {}); err != nil {", "duplicate: ",
		},
		{
			"sent although its partition has left while it was announced", "sink/remember.go",
			"	if !moved {\n", "	if true {\n", "backwards: ",
		},
		{
			"a match that is not locked", "mapping/late.go",
			"	d.conflictOn(m.matchConflict(d, b, out[from:]))\n", "	_ = from\n", "backwards: ",
		},
		{
			"what the index does not show yet forgotten", "sink/recent.go",
			"if one := r.by[recentOf(w)]; time.Now().Before(one.until) {", "if one := r.by[recentOf(w)]; false {", "duplicate: ",
		},
		{
			"what the former key says not carried", "sink/remember.go",
			"	if w.Identity.Former != \"\" {\n		a = ", "	if false {\n		a = ", "diverged: ",
		},
		{
			"a former key that is not looked up", "sink/ledger/decide.go",
			`if c.n.Former != "" && c.own.State == Unknown && c.own.Open == nil {`, "if c.n.Former = \"\"; false {", "duplicate: ",
		},
		{
			"the record of an earlier epoch left behind", "sink/ledger/put.go",
			"if was && old.Epoch < row.Epoch {", "if false {", "ledger: ",
		},
	}
}

// settledAtOnce gives writes their fates as their rows are put; only what was announced ends
// when that is acknowledged.
const settledAtOnce = `		var ends ledger.End
		acknowledged, settled := false, false
		both := func() {
			if acknowledged && settled {
				ends(f.over, !f.replaced)
			}
		}
		d.ledger.Put(d.puttings.entries, func(end ledger.End) {
			d.sink.mu.Lock()
			defer d.sink.mu.Unlock()
			ends, acknowledged = end, true
			both()
		})
		go d.acknowledged(f, func([]ledger.Create, bool) {
			settled = true
			both()
		})
`
