package config

import (
	"fmt"
	"slices"
)

// shapes refuses routes that take one topic and read its records as different
// things: what one of them understands, the other dead-letters. A record has one
// shape, so a topic has one. Plain is the exception where it writes another object:
// any row is a plain row, and an event may be logged beside what it changes.
func (c *checker) shapes() {
	for i := range c.cfg.Routes {
		for j := range i {
			a, b := &c.cfg.Routes[j], &c.cfg.Routes[i]
			if a.Envelope == b.Envelope && a.Unwrap == b.Unwrap {
				continue
			}
			if (a.Envelope == EnvelopePlain || b.Envelope == EnvelopePlain) && !mayMeet(a.To, b.To) {
				continue
			}
			first, second := fmt.Sprintf("routes[%d]", j), fmt.Sprintf("routes[%d]", i)
			topic := c.shared(j, i)
			key, had, has := ".envelope", string(a.Envelope), string(b.Envelope)
			if had == has {
				key, had, has = ".unwrap", string(a.Unwrap), string(b.Unwrap)
			}
			if topic == "" || !c.sound(first+".topics", second+".topics", first+".to", second+".to", first+key, second+key) {
				continue
			}
			c.at(c.written(second+key, second), "route %s has %s and this route, %s, has %s, but both take %s, whose records are one or the other: make them agree, or give each its own topics",
				c.shown(first+".name", a.Name), had, c.shown(second+".name", b.Name), has, topic)
		}
	}
}

// shared shows a topic, or a pattern, that two routes both take; empty: none is known.
// Whether two patterns have a topic in common, only topics can tell.
func (c *checker) shared(i, j int) string {
	for _, pair := range [][2]int{{i, j}, {j, i}} {
		names, takes := c.cfg.Routes[pair[0]].Topics.Names, matcher(c.cfg.Routes[pair[1]].Topics)
		if k := slices.IndexFunc(names, takes); k >= 0 {
			return "topic " + c.shown(fmt.Sprintf("routes[%d].topics[%d]", pair[0], k), names[k])
		}
	}
	if pattern := c.cfg.Routes[i].Topics.Regex; pattern != "" && pattern == c.cfg.Routes[j].Topics.Regex {
		return "what fits " + c.shown(fmt.Sprintf("routes[%d].topics.regex", i), pattern)
	}
	return ""
}
