package config

import (
	"errors"
	"strings"
	"testing"
)

func TestEveryExpressionIsCompiledAndRefusedWhereItStands(t *testing.T) {
	t.Parallel()
	var seen []Expression
	language := func(e Expression) error {
		seen = append(seen, e)
		if strings.HasPrefix(e.Text, "bad") {
			return errors.New("unexpected " + e.Text)
		}
		return nil
	}
	text := edit(t, "    fields: {email: email}\n", `    when: bad when
    fields:
      email: email
      good: {expr: lower(x)}
      of: {from: email, expr: bad of}
      secret: {expr: "bad ${SECRET}"}
    on_delete: {gone: {expr: bad gone}}
`)
	env := func(string) (string, bool) { return "pa55", true }
	_, err := Parse("c.yaml", []byte(text), env, nil, language)
	const want = `c.yaml:13:11: routes[0].when: cannot be compiled: unexpected bad when
c.yaml:17:31: routes[0].fields.of.expr: cannot be compiled: unexpected bad of
c.yaml:18:22: routes[0].fields.secret.expr: cannot be compiled (what is wrong is not shown: it may repeat what the reference in it stands for)
c.yaml:19:30: routes[0].on_delete.gone.expr: cannot be compiled: unexpected bad gone`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	expect := []Expression{{"bad when", false, true}, {"lower(x)", false, false}, {"bad of", true, false}, {"bad pa55", false, false}, {"bad gone", false, false}}
	if len(seen) != len(expect) {
		t.Fatalf("%d expressions were compiled, expected %d: %v", len(seen), len(expect), seen)
	}
	for i := range expect {
		if seen[i] != expect[i] {
			t.Errorf("%+v was compiled, expected %+v", seen[i], expect[i])
		}
	}
}
