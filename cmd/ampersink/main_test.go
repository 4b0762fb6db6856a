package main

import (
	"bytes"
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
		{[]string{"run", "now"}, `takes no argument: "now"`},
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

func TestWithoutACommandTheHelpIsShown(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := execute(nil, &out, &errs, func(string) (string, bool) { return "", false }); code != exitDone || !strings.Contains(out.String(), "Available Commands") {
		t.Errorf("exits with %d and says %q", code, out.String())
	}
}
