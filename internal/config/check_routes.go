package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ampersink/ampersink/internal/model"
)

// maxName bounds the name of a route or a rule, in bytes: it travels in the
// header of every dead letter and is a label of metrics.
const maxName = 100

func (c *checker) route(r *Route, at string) {
	c.name(at+".name", r.Name)
	c.topicNames(&r.Topics, at+".topics")
	c.unique(r.Key, at+".key")
	if r.Operation != (Operation{}) && r.Envelope != EnvelopePlain && c.sound(at+".envelope", at+".operation") {
		c.at(at+".operation", "only envelope plain has it; %s says itself what happened to a row", r.Envelope)
	}
	if _, err := PlaceholderText(r.Placeholder); err != nil && c.sound(at+".placeholder") {
		c.at(at+".placeholder", "found %s, expected %v", c.shown(at+".placeholder", r.Placeholder), err)
	}
	c.needsID(r, at)
	c.needsFields(r, at)
	if inFlight, all := r.Batch.InFlight, c.cfg.Limits.Requests; inFlight > all && c.sound(at+".batch.in_flight", "limits.requests") {
		c.at(at+".batch.in_flight", "%d is above limits.requests (%d), which bounds all lanes together", inFlight, all)
	}
	if size, all := r.Batch.Bytes, c.cfg.Limits.Memory; size > all && c.sound(at+".batch.bytes", "limits.memory") {
		c.at(at+".batch.bytes", "%s is above limits.memory (%s), so no batch could fill", size, all)
	}
}

func (c *checker) name(key, name string) {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if len(name) > maxName || strings.ContainsFunc(name, unprintable) {
		c.at(key, "expected a name of at most %d printable characters", maxName)
	}
}

func (c *checker) unique(words []string, key string) {
	for i, word := range words {
		if first := slices.Index(words, word); first < i && c.sound(fmt.Sprintf("%s[%d]", key, i)) {
			c.at(fmt.Sprintf("%s[%d]", key, i), "is there twice (%s[%d])", key, first)
		}
	}
}

// needsID refuses updates and deletes that could never find their record.
func (c *checker) needsID(r *Route, at string) {
	if len(r.ID.Ways) > 0 || !c.sound(at+".id", at+".envelope", at+".operation") {
		return
	}
	const way = "needs the CRM's own id: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}} or {field: FIELD}), or "
	possible := kindsOf(r)
	if possible.updates && r.OnUpdate == ActionUpdate && c.sound(at+".on_update") {
		c.at(at+".on_update", "an update %son_update: ignore", way)
	}
	if !c.sound(at+".on_delete", at+".on_tombstone") {
		return
	}
	tombstones := r.OnTombstone == ActionDelete
	switch instead := len(r.OnDelete.Set) > 0; {
	case r.OnDelete.Action != ActionDelete && !instead, !possible.deletes && !tombstones:
	case instead:
		c.at(at+".on_delete", "to set fields %son_delete: ignore", way)
	case possible.deletes:
		c.at(at+".on_delete", "a delete %son_delete: ignore", way)
	default:
		c.at(at+".on_tombstone", "the delete that a tombstone asks for %son_tombstone: ignore", way)
	}
}

// kinds says which kinds of changes the records of a route can be; tombstones
// are told apart.
type kinds struct{ creates, updates, deletes bool }

func kindsOf(r *Route) kinds {
	o := r.Operation
	switch {
	case r.Envelope != EnvelopePlain || o.Field != "" || o.Header != "":
		return kinds{true, true, true}
	case o.Value != "":
		return kinds{o.Value == "create", o.Value == "update", o.Value == "delete"}
	default:
		// A row that carries an id is an update, one without is a create.
		return kinds{creates: true, updates: r.ID.Has(IDField)}
	}
}

// needsFields refuses writes without content.
func (c *checker) needsFields(r *Route, at string) {
	if len(r.Fields) > 0 || !c.sound(at+".fields", at+".envelope", at+".operation", at+".on_create", at+".on_update", at+".on_snapshot") {
		return
	}
	possible := kindsOf(r)
	creates := possible.creates && (writes(r.OnCreate) || writes(r.OnSnapshot) && r.Envelope != EnvelopePlain)
	if !creates && !(possible.updates && writes(r.OnUpdate)) {
		return
	}
	c.at(at+".fields", "missing, and required: a create or an update without fields would write nothing")
}

// writes reports whether an action writes the fields of a row.
func writes(a Action) bool { return a == ActionCreate || a == ActionUpdate || a == ActionUpsert }

// routeNames refuses names that are not unique, as words or as hashes: commits
// name a write by the hash of its route.
func (c *checker) routeNames() {
	hashes := make(map[model.WriteName]int)
	for i, r := range c.cfg.Routes {
		key := fmt.Sprintf("routes[%d].name", i)
		if r.Name == "" || !c.sound(key) {
			continue
		}
		hash := model.NameOf(r.Name, 0)
		first, taken := hashes[hash]
		switch {
		case !taken:
			hashes[hash] = i
		case c.cfg.Routes[first].Name == r.Name:
			c.at(key, "%s is also the name of routes[%d]", c.shown(key, r.Name), first)
		default:
			c.at(key, "%s and the name of routes[%d] (%s) have the same short form in commits: choose another name",
				c.shown(key, r.Name), first, c.shown(fmt.Sprintf("routes[%d].name", first), c.cfg.Routes[first].Name))
		}
	}
}

// sharedDestinations refuses routes that write to one destination, and so
// through one lane, and want different batches there.
func (c *checker) sharedDestinations() {
	var sound []int // whether a destination is sound is looked up once a route, not once a pair
	for i := range c.cfg.Routes {
		second := fmt.Sprintf("routes[%d]", i)
		if !c.sound(second + ".to") {
			continue
		}
		sound = append(sound, i)
		for _, j := range sound[:len(sound)-1] {
			a, b := &c.cfg.Routes[j], &c.cfg.Routes[i]
			if !mayMeet(a.To, b.To) {
				continue
			}
			first := fmt.Sprintf("routes[%d]", j)
			for _, d := range disagreements(a, b) {
				if c.sound(first+"."+d.key, second+"."+d.key) {
					c.at(second+"."+d.key, "route %s has %s and this route, %s, has %s, but both write to %s and share its lane: make them agree",
						c.shown(first+".name", a.Name), d.a, c.shown(second+".name", b.Name), d.b, destinationOf(b.To))
				}
			}
		}
	}
}

// mayMeet reports whether two routes can write to one destination: groups tell
// them apart only where both are fixed.
func mayMeet(a, b To) bool {
	return a.Integration == b.Integration && a.Object == b.Object &&
		(a.Group.Value == "" || b.Group.Value == "" || a.Group.Value == b.Group.Value)
}

func destinationOf(to To) string {
	where := fmt.Sprintf("object %s of %s", quote(to.Object), quote(to.Integration))
	if to.Group.Value != "" {
		where += " for group " + quote(to.Group.Value)
	}
	return where
}

// disagreement is a key of which two routes have different values.
type disagreement struct{ key, a, b string }

func disagreements(a, b *Route) []disagreement {
	all := []disagreement{
		{"batch.size", fmt.Sprint(a.Batch.Size), fmt.Sprint(b.Batch.Size)},
		{"batch.linger", writeDuration(a.Batch.Linger), writeDuration(b.Batch.Linger)},
		{"batch.all_or_none", fmt.Sprint(a.Batch.AllOrNone), fmt.Sprint(b.Batch.AllOrNone)},
		{"batch.in_flight", fmt.Sprint(a.Batch.InFlight), fmt.Sprint(b.Batch.InFlight)},
		{"batch.bytes", a.Batch.Bytes.String(), b.Batch.Bytes.String()},
		{"mode", string(a.Mode), string(b.Mode)},
	}
	all = slices.DeleteFunc(all, func(d disagreement) bool { return d.a == d.b })
	if !slices.Equal(a.Headers, b.Headers) {
		// Their values may be secret.
		all = append(all, disagreement{"headers", "other headers", "these"})
	}
	return all
}

// skipRules refuses rules that cannot be told apart, and rules that skip what a
// route takes by name.
func (c *checker) skipRules() {
	names := make(map[string]int)
	for i := range c.cfg.Skip {
		rule, at := &c.cfg.Skip[i], fmt.Sprintf("skip[%d]", i)
		c.name(at+".name", rule.Name)
		c.topicNames(&rule.Topics, at+".topics")
		if first, taken := names[rule.Name]; taken && rule.Name != "" && c.sound(at+".name") {
			c.at(at+".name", "%s is also the name of skip[%d]", c.shown(at+".name", rule.Name), first)
		} else if !taken {
			names[rule.Name] = i
		}
		c.skipsRouted(rule, at)
	}
}

func (c *checker) skipsRouted(rule *SkipRule, at string) {
	skips := matcher(rule.Topics)
	for i := range c.cfg.Routes {
		r := &c.cfg.Routes[i]
		for k, topic := range r.Topics.Names {
			if topic == "" || !skips(topic) || !c.sound(at+".topics") {
				continue
			}
			key := fmt.Sprintf("routes[%d].topics[%d]", i, k)
			place := at + ".topics"
			if own := slices.Index(rule.Topics.Names, topic); own >= 0 {
				place = fmt.Sprintf("%s[%d]", place, own)
			}
			c.at(place, "would skip topic %s, which route %s takes by name: take it out of one of them",
				c.shown(key, topic), c.shown(fmt.Sprintf("routes[%d].name", i), r.Name))
			return
		}
	}
}
