package config

import (
	"strings"
	"testing"
)

func TestOneTopicHasOneShape(t *testing.T) {
	t.Parallel()
	const (
		refused = `but both take topic "shop.contacts", whose records are one or the other: make them agree, or give each its own topics`
		both    = `route "contacts" has debezium and this route, "leads", has `
	)
	same := strings.Replace(second, "shop.leads", "shop.contacts", 1)
	maxwell := strings.Replace(same, "envelope: debezium", "envelope: maxwell", 1)
	other := func(text string) string { return strings.Replace(text, "object: contacts", "object: leads", 1) }
	plain := strings.Replace(same, "envelope: debezium", "envelope: plain\n    operation: {value: create}\n    on_tombstone: ignore", 1)
	pattern := func(text string) string { return strings.Replace(text, "[shop.contacts]", `{regex: "shop\\..*"}`, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"one object", base + maxwell, "c.yaml:16:15: routes[1].envelope: " + both + "maxwell, " + refused},
		{"another object", base + other(maxwell), "c.yaml:16:15: routes[1].envelope: " + both + "maxwell, " + refused},
		{"plain beside it, one object", base + plain, "c.yaml:16:15: routes[1].envelope: " + both + "plain, " + refused},
		{"by a pattern", base + pattern(maxwell), "c.yaml:16:15: routes[1].envelope: " + both + "maxwell, " + refused},
		{"wrapped and not", base + same + "    unwrap: cloudevents\n", "c.yaml:20:13: routes[1].unwrap: " + `route "contacts" has ` + "none and this route, \"leads\", has cloudevents, " + refused},
		{"two equal patterns", pattern(base) + pattern(maxwell), "c.yaml:16:15: routes[1].envelope: " + both + `maxwell, but both take what fits "shop\\..*"` + refused[len(`but both take topic "shop.contacts"`):]},
		{"plain beside it, another object", base + other(plain), ""},
		{"one shape", base + same, ""},
		{"other topics", base + strings.Replace(maxwell, "shop.contacts", "shop.leads", 1), ""},
	} {
		_, err := parseText(c.text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot:  %s\nwant: %s", c.name, got, c.want)
		}
	}
}
