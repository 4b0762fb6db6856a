package config

import (
	"fmt"
	"slices"
	"strings"
)

// deriveIdentity fills in the defaults that the other keys of a route decide.
func (r *Route) deriveIdentity() {
	if r.OnUnknownDelete == "" {
		r.OnUnknownDelete = UnknownDeleteDeadLetter
		if r.ID.Has(IDLedger) {
			r.OnUnknownDelete = UnknownDeleteIgnore
		}
	}
	if r.OnConflict == "" {
		r.OnConflict = ConflictDeadLetter
		if r.OnCreate == ActionUpsert {
			r.OnConflict = ConflictUpdate
		}
	}
}

// idleKey is a key that means nothing on a route, and why.
type idleKey struct{ key, why string }

// idle returns the keys that mean nothing on a route: in the file they are a mistake.
func (r *Route) idle() (idle []idleKey) {
	add := func(why string, keys ...string) {
		for _, key := range keys {
			idle = append(idle, idleKey{key, why})
		}
	}
	if !r.ID.Late() {
		add("only means something where the record of a row is looked up: put ledger or {match: {CRM_FIELD: FIELD}} into id",
			"identity_space", "on_unknown_delete", "on_conflict", "on_gone")
	}
	if !r.ID.Has(IDMatch) {
		add("only a match searches: put {match: {CRM_FIELD: FIELD}} into id", "search")
	}
	if !r.ID.Has(IDLedger) {
		add("only the ledger knows in which group a row was: put ledger into id", "on_group_change")
	}
	if !r.HasParents() {
		add("only a row that needs another row's id waits for it: give a field or an association {id_of: {route: ROUTE, key: FIELD}}",
			"on_missing_parent", "parent_patience")
	}
	return idle
}

// HasParents reports whether a field or an association of the route is the CRM id of another row.
func (r *Route) HasParents() bool {
	return len(r.Associations.Linked) > 0 || slices.ContainsFunc(r.Fields, func(f Field) bool { return f.IDOf != nil })
}

func (c *checker) identity() {
	for i := range c.cfg.Routes {
		r, at := &c.cfg.Routes[i], fmt.Sprintf("routes[%d]", i)
		for _, idle := range r.idle() {
			key := at + "." + idle.key
			if _, written := c.places[key]; written && c.sound(at+".id", at+".fields", at+".associations") {
				c.at(key, "%s", idle.why)
			}
		}
		c.upserts(r, at)
		c.moves(r, at)
	}
	c.sharedSpaces()
	c.parents()
}

// upserts refuses an upsert that could never find what is there already.
func (c *checker) upserts(r *Route, at string) {
	for _, one := range []struct {
		key     string
		action  Action
		instead Action
	}{
		{"on_create", r.OnCreate, ActionCreate}, {"on_update", r.OnUpdate, ActionUpdate}, {"on_snapshot", r.OnSnapshot, ActionCreate},
	} {
		key := at + "." + one.key
		if _, written := c.places[key]; !written || one.action != ActionUpsert || !c.sound(key, at+".id") {
			continue
		}
		switch {
		case len(r.ID.Ways) == 0:
			c.at(key, "an upsert looks for the row's record first: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}}), or write %s", one.instead)
		case one.key == "on_update" && !r.ID.Late():
			c.at(key, "each update of a row that has no id yet would create it once more: put ledger or {match: {CRM_FIELD: FIELD}} into id, or write %s",
				one.instead)
		}
	}
}

// moves refuses a move to another group that could end between the two: the record is deleted
// where it was, and an update that finds none in the new group is refused.
func (c *checker) moves(r *Route, at string) {
	key := at + ".on_group_change"
	if r.ID.Has(IDLedger) && r.OnGroupChange == GroupChangeMove && r.OnUpdate == ActionUpdate && c.sound(key, at+".on_update") {
		c.at(key, "a row that moves to another group is created there, and on_update is update, which creates none: write on_update: upsert too, or %s", GroupChangeDeadLetter)
	}
}

// sharedSpaces refuses routes that share an identity space and have other keys: a key
// has the names of its fields in it, so no row of one would be a row of the other.
func (c *checker) sharedSpaces() {
	type space struct{ integration, object, name string }
	first := make(map[space]int)
	for i := range c.cfg.Routes {
		r, at := &c.cfg.Routes[i], fmt.Sprintf("routes[%d]", i)
		if r.IdentitySpace == "" || len(r.Key) == 0 || !c.sound(at+".identity_space", at+".key", at+".to") {
			continue
		}
		s := space{r.To.Integration, r.To.Object, r.IdentitySpace}
		j, taken := first[s]
		if !taken {
			first[s] = i
			continue
		}
		other := &c.cfg.Routes[j]
		if a, b := slices.Sorted(slices.Values(other.Key)), slices.Sorted(slices.Values(r.Key)); !slices.Equal(a, b) {
			c.at(at+".key", "route %s has the same identity_space and the key %s: rows of one space have one key",
				c.shown(fmt.Sprintf("routes[%d].name", j), other.Name), c.shownList(fmt.Sprintf("routes[%d].key", j), other.Key))
		}
	}
}

// shownList is shown for a list of texts.
func (c *checker) shownList(key string, words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = c.shown(fmt.Sprintf("%s[%d]", key, i), word)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
