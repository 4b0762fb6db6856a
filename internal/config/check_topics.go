package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxTopic is the longest name that Kafka allows, in characters.
const maxTopic = 249

// isTopic reports whether Kafka allows the name of a topic.
func isTopic(name string) bool {
	foreign := func(r rune) bool {
		return !(r == '.' || r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	return name != "" && name != "." && name != ".." && len(name) <= maxTopic && !strings.ContainsFunc(name, foreign)
}

// topicNames refuses names that no topic can have, and patterns that are none.
func (c *checker) topicNames(t *Topics, key string) {
	for i, name := range t.Names {
		at := fmt.Sprintf("%s[%d]", key, i)
		if name == "" || isTopic(name) || !c.sound(at) {
			continue
		}
		hint := ""
		if strings.ContainsAny(name, `*\[(|+?^$`) {
			hint = "; a pattern is written {regex: PATTERN}"
		}
		c.at(at, "found %s, expected the name of a topic (letters, digits, dots, dashes and underscores, at most %d)%s",
			c.shown(at, name), maxTopic, hint)
	}
	c.unique(t.Names, key)
	if t.Regex == "" || !c.sound(key) {
		return
	}
	if _, err := regexp.Compile(t.Pattern()); err != nil {
		c.at(key+".regex", "found %s, expected a regular expression (RE2)%s", c.shown(key+".regex", t.Regex), c.syntaxError(key+".regex", err))
	}
}

// syntaxError says what is wrong with a pattern, unless a reference made it.
func (c *checker) syntaxError(key string, err error) string {
	_, text, ok := strings.Cut(err.Error(), "error parsing regexp: ")
	if n, placed := c.places[key]; !ok || !placed || strings.Contains(n.Value, "${") {
		return ""
	}
	return ": " + text
}

// matcher returns what tells whether topics hold a topic; a pattern that
// is none holds nothing.
func matcher(t Topics) func(string) bool {
	if t.Regex == "" {
		return func(topic string) bool { return slices.Contains(t.Names, topic) }
	}
	pattern, err := regexp.Compile(t.Pattern())
	if err != nil {
		return func(string) bool { return false }
	}
	return pattern.MatchString
}

// deadLetters refuses a dead-letter topic that cannot be, and one that would be
// read again: our own topics are never consumed.
func (c *checker) deadLetters() {
	const key, placeholder = "dead_letter.topic", "{topic}"
	template := c.cfg.DeadLetter.Topic
	if !c.sound(key) {
		return
	}
	fixed := strings.ReplaceAll(template, placeholder, "x")
	switch {
	case strings.ContainsAny(fixed, "{}"):
		c.at(key, "found %s, expected a topic name, in which only %s is replaced", c.shown(key, template), placeholder)
		return
	case !isTopic(fixed):
		c.at(key, "found %s, expected a topic name, with %s for the source topic", c.shown(key, template), placeholder)
		return
	case template == placeholder:
		c.at(key, "would put dead letters back into the topic that they come from: add to it, as in %s.dead", placeholder)
		return
	}
	for i := range c.cfg.Routes {
		for k, topic := range c.cfg.Routes[i].Topics.Names {
			at := fmt.Sprintf("routes[%d].topics[%d]", i, k)
			if dead := strings.ReplaceAll(template, placeholder, topic); isTopic(topic) && !isTopic(dead) {
				c.at(key, "for topic %s it is longer than Kafka allows (%d)", c.shown(at, topic), maxTopic)
				return
			}
		}
	}
	c.ownTopics("dead_letter.topic", template, ownPattern(template), "call the dead letters' topic something else")
}

// ownPattern matches the names that the dead-letter topic can have.
func ownPattern(template string) func(string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(template), regexp.QuoteMeta("{topic}"), ".+") + "$").MatchString
}

// ledger refuses a topic of the ledger that cannot be, one that would be read as a
// source, and one that dead letters would be written to.
func (c *checker) ledger() {
	const key, dead = "ledger.topic", "dead_letter.topic"
	if !c.sound(key, "kafka.group") {
		return
	}
	template, topic := c.cfg.Ledger.Topic, c.cfg.Ledger.TopicOf(c.cfg.Kafka.Group)
	inUse := slices.ContainsFunc(c.cfg.Routes, func(r Route) bool { return r.ID.Has(IDLedger) })
	switch fixed := strings.ReplaceAll(template, groupPlaceholder, "x"); {
	case strings.ContainsAny(fixed, "{}"):
		c.at(key, "found %s, expected a topic name, in which only %s is replaced", c.shown(key, template), groupPlaceholder)
	case !isTopic(fixed):
		c.at(key, "found %s, expected a topic name, with %s for the consumer group", c.shown(key, template), groupPlaceholder)
	case !inUse:
		// A group may have a name that no topic can have.
	case !isTopic(topic):
		c.at(c.written(key, "kafka.group"), "ledger.topic (%s) is not the name of a topic for group %s (letters, digits, dots, dashes and underscores, at most %d):"+
			" write a name without %s", c.shown(key, template), c.shown("kafka.group", c.cfg.Kafka.Group), maxTopic, groupPlaceholder)
	case c.sound(dead) && ownPattern(c.cfg.DeadLetter.Topic)(topic):
		c.at(c.written(key, dead), "ledger.topic (%s) fits dead_letter.topic (%s): call one of them something else",
			c.shown(key, template), c.shown(dead, c.cfg.DeadLetter.Topic))
	default:
		c.ownTopics(key, template, func(name string) bool { return name == topic }, "call the ledger's topic something else")
	}
}

// ownTopics refuses topics that are ours by name.
func (c *checker) ownTopics(key, template string, own func(string) bool, instead string) {
	refuse := func(t *Topics, at string) {
		for i, name := range t.Names {
			if at := fmt.Sprintf("%s[%d]", at, i); own(name) && c.sound(at) {
				c.at(at, "%s fits %s (%s), and our own topics are never consumed: take it out, or %s",
					c.shown(at, name), key, c.shown(key, template), instead)
			}
		}
	}
	for i := range c.cfg.Routes {
		refuse(&c.cfg.Routes[i].Topics, fmt.Sprintf("routes[%d].topics", i))
	}
	for i := range c.cfg.Skip {
		refuse(&c.cfg.Skip[i].Topics, fmt.Sprintf("skip[%d].topics", i))
	}
}
