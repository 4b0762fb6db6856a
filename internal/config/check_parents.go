package config

import (
	"fmt"
	"slices"
)

// link is an id_of, and where it stands.
type link struct {
	key string
	of  *IDOf
}

// parents refuses links to rows whose CRM ids nobody could look up.
func (c *checker) parents() {
	names := make([]string, len(c.cfg.Routes))
	routes := make(map[string]int)
	for i, r := range c.cfg.Routes {
		names[i] = r.Name
		if _, taken := routes[r.Name]; !taken {
			routes[r.Name] = i
		}
	}
	for i := range c.cfg.Routes {
		for _, l := range c.links(i) {
			parent, known := routes[l.of.Route]
			switch {
			case !c.sound(l.key), l.of.Route == "", len(l.of.Key) == 0:
			case known:
				c.parent(i, parent, l)
			default:
				c.noRoute(l, names)
			}
		}
	}
}

// links returns the links of a route's fields and associations.
func (c *checker) links(route int) (links []link) {
	r, at := &c.cfg.Routes[route], fmt.Sprintf("routes[%d]", route)
	for i := range r.Fields {
		if f := &r.Fields[i]; f.IDOf != nil {
			links = append(links, link{at + ".fields." + printable(f.To) + ".id_of", f.IDOf})
		}
	}
	if len(r.Associations.Linked) == 0 || !c.sound(at+".associations") {
		return links
	}
	linked := r.Associations.Linked
	for i := range aliased(c.place(at + ".associations")).Content {
		key := fmt.Sprintf("%s.associations[%d].to.id.id_of", at, i)
		if _, here := c.places[key]; here && len(linked) > 0 {
			links, linked = append(links, link{key, &linked[0].IDOf}), linked[1:]
		}
	}
	return links
}

func (c *checker) noRoute(l link, names []string) {
	key, hint := l.key+".route", ""
	if meant := Nearest(l.of.Route, names); meant != "" {
		hint = "; did you mean " + c.shown(fmt.Sprintf("routes[%d].name", slices.Index(names, meant)), meant) + "?"
	}
	c.at(key, "found %s, expected the name of a route%s", c.shown(key, l.of.Route), hint)
}

// parent refuses a link to a route that cannot answer it.
func (c *checker) parent(child, parent int, l link) {
	at, own := fmt.Sprintf("routes[%d]", parent), fmt.Sprintf("routes[%d]", child)
	if !c.sound(at+".id", at+".key", at+".topics", at+".identity_space", at+".to", own+".to") {
		return
	}
	p, to := &c.cfg.Routes[parent], c.cfg.Routes[child].To
	name := c.shown(at+".name", p.Name)
	switch {
	case !p.ID.Has(IDLedger):
		c.at(l.key+".route", "route %s does not remember the ids of its rows: put ledger into its id", name)
	case p.IdentitySpace == "" && len(p.Topics.Names) != 1:
		c.at(l.key+".route", "route %s takes more than one topic, and each has an identity space of its own: give it an identity_space", name)
	case p.To.Integration != to.Integration:
		c.at(l.key+".route", "route %s writes to %s and this one to %s: an id means nothing in another CRM",
			name, c.shown(at+".to.integration", p.To.Integration), c.shown(own+".to.integration", to.Integration))
	case p.To.Group.Value != to.Group.Value && p.To.Group.Value != "" && to.Group.Value != "":
		c.at(l.key+".route", "route %s writes for group %s and this one for %s: an id means nothing in another CRM",
			name, c.shown(at+".to.group", p.To.Group.Value), c.shown(own+".to.group", to.Group.Value))
	case len(p.Key) == 0:
		c.at(l.key+".route", "route %s does not name the fields of its key: give it key: [FIELD]", name)
	default:
		c.parentKey(p, at, l)
	}
}

// parentKey refuses a key that is not the whole key of the other route.
func (c *checker) parentKey(p *Route, at string, l link) {
	key, parts := l.key+".key", l.of.Key
	whose := fmt.Sprintf("the key of route %s is %s", c.shown(at+".name", p.Name), c.shownList(at+".key", p.Key))
	if parts[0].Field == "" {
		if len(p.Key) > 1 {
			c.at(key, "%s: write the column of each field, {KEY_FIELD: FIELD, ...}", whose)
		}
		return
	}
	missing := slices.Clone(p.Key)
	for _, part := range parts {
		i := slices.Index(missing, part.Field)
		if i < 0 {
			c.at(key+"."+printable(part.Field), "%s, and has no such field", whose)
			return
		}
		missing = slices.Delete(missing, i, i+1)
	}
	if len(missing) > 0 {
		c.at(key, "%s: the column of each of its fields is needed, found %d", whose, len(parts))
	}
}
