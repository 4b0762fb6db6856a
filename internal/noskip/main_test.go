package main

import (
	"strings"
	"testing"
)

const (
	passed = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0}
`
	packageLine = `{"Action":"output","Package":"p","Output":"ok  \tp\t0.01s\n"}
{"Action":"pass","Package":"p","Elapsed":0.01}
`
	skipped = `{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: no real Kafka\n"}
{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
`
	failed = `{"Action":"run","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: lost a record\n"}
{"Action":"fail","Package":"p","Test":"TestC","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":0}
`
	noTests = `{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q","Elapsed":0}
`
	buildFailed = `{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
`
	began = `{"Action":"run","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Test":"TestD","Output":"=== RUN   TestD\n"}
`
)

func TestOnlyARunInWhichTestsPassedAndNoneWasSkippedIsGood(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		run    string
		wrong  string // in the error; empty: none
		prints string
	}{
		"all passed":                      {passed + packageLine, "", "ok  \tp"},
		"a package without tests is fine": {passed + noTests, "", "[no test files]"},
		"one skipped":                     {passed + skipped + packageLine, "p TestB", "no real Kafka"},
		"one failed":                      {passed + failed, "p TestC", "lost a record"},
		"nothing ran":                     {noTests, "no test passed", ""},
		"nothing at all":                  {"", "no test passed", ""},
		"the build failed":                {passed + buildFailed, "build", "undefined: x"},
		"cut off in the middle":           {passed + began, "did not end", ""},
		"something that is no event":      {passed + "panic: out of memory\n", "not test events", "out of memory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := check(strings.NewReader(c.run), &out)
			switch {
			case c.wrong == "" && err != nil:
				t.Errorf("got %v", err)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("got %v, want it to say %q", err, c.wrong)
			}
			if !strings.Contains(out.String(), c.prints) {
				t.Errorf("printed %q without %q", out.String(), c.prints)
			}
		})
	}
}

func TestANamedTestIsShownAndMustPass(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := check(strings.NewReader(passed+packageLine), &out, "TestA"); err != nil {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "=== RUN   TestA") {
		t.Errorf("printed %q", out.String())
	}
	for name, run := range map[string]string{"absent": packageLine + passed, "skipped": passed + skipped} {
		if err := check(strings.NewReader(run), &out, "TestB"); err == nil || !strings.Contains(err.Error(), "not there: TestB") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
