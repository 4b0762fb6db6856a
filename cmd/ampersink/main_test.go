package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAWrongCallExitsWithTwoAndSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `there is no command "nonsense" (see ampersink --help)`},
		{[]string{"validat"}, "did you mean validate?"},
		{[]string{"validat", "--config", "x"}, "did you mean validate?"},
		{[]string{"ledger", "exprot", "--config", "x"}, `there is no command "exprot": did you mean export? (see ampersink ledger --help)`},
		{[]string{"--config", "x"}, "unknown flag: --config (see ampersink --help)"},
		{[]string{"validate", "base.yaml"}, `takes no argument: "base.yaml": did you mean --config base.yaml? (see ampersink validate --help)`},
		{[]string{"run", "--config", "x", "now"}, `takes no argument: "now" (see ampersink run --help)`},
		{[]string{"run", "--confg", "x"}, "unknown flag: --confg"},
		{[]string{"run", "--config", "/there/is/none.yaml"}, "/there/is/none.yaml"},
	} {
		var out, errs bytes.Buffer
		if code := execute(c.args, &out, &errs, func(string) (string, bool) { return "", false }); code != exitConfig {
			t.Errorf("%q exits with %d, not %d", c.args, code, exitConfig)
		}
		if !strings.Contains(errs.String(), c.want) {
			t.Errorf("%q says %q, without %q", c.args, errs.String(), c.want)
		}
	}
}

func TestValidateShowsEveryBadExpressionWhereItStands(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.yaml")
	const text = `kafka: {brokers: ["localhost:9092"], group: g}
ampersand: {api_key: k, project: acme}
routes:
  - name: contacts
    topics: [shop.contacts]
    envelope: debezium
    to: {integration: hubspot, object: contacts, group: acme}
    id: ledger
    when: email ==
    fields:
      email: {from: email, expr: "value + nobody()"}
      name: {expr: "lower("}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := execute([]string{"validate", "--config", path}, &out, &errs, func(string) (string, bool) { return "", false })
	if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); code != exitConfig || len(lines) != 3 {
		t.Errorf("exits with %d and says:\n%s", code, errs.String())
	}
	for _, want := range []string{
		":9:11: routes[0].when: cannot be compiled: ", ":11:34: routes[0].fields.email.expr: cannot be compiled: ",
		":12:20: routes[0].fields.name.expr: cannot be compiled: ",
	} {
		if !strings.Contains(errs.String(), path+want) {
			t.Errorf("does not say %q:\n%s", path+want, errs.String())
		}
	}
}

func TestWithoutACommandTheHelpIsShown(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := execute(nil, &out, &errs, func(string) (string, bool) { return "", false }); code != exitDone || !strings.Contains(out.String(), "Available Commands") {
		t.Errorf("exits with %d and says %q", code, out.String())
	}
	for _, word := range []string{"get", "export", "stats", "import", "create"} {
		if _, ledger, _ := strings.Cut(out.String(), "\n  ledger "); !strings.Contains(strings.SplitN(ledger, "\n", 2)[0], word) {
			t.Errorf("hides that the ledger has %s: %s", word, ledger)
		}
	}
}
