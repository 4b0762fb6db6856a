// Noskip reads what `go test -json` writes, prints what `go test` would have
// printed, and fails when a test was skipped, failed, or none ran: a skip is not
// a pass. Tests that are named as arguments must be among those that passed, and
// what they logged is printed too.
//
//	go test -json ./internal/chaos | go run ./internal/noskip TestChaos
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := check(os.Stdin, os.Stdout, os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, "noskip:", err)
		os.Exit(1)
	}
}

// event is one line of `go test -json`. Build output has ImportPath instead of
// Package.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// check copies the run to out, with the output of tests that failed, were
// skipped or are named, and returns what is wrong with it.
func check(in io.Reader, out io.Writer, named ...string) error {
	run := summary{output: make(map[string][]string), missing: slices.Clone(named), named: named}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			run.take(line, out)
		}
		if errors.Is(err, io.EOF) {
			return run.verdict()
		}
		if err != nil {
			return fmt.Errorf("read the test run: %w", err)
		}
	}
}

type summary struct {
	output  map[string][]string // of tests that have not ended, by package and test
	named   []string            // tests to be shown
	missing []string            // of the named, those that have not passed
	passed  int                 // tests
	skipped []string            // tests
	failed  []string            // tests and packages
	strange bool                // a line that is not an event: a build that failed, a crash
}

func (s *summary) take(line []byte, out io.Writer) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		s.strange = true
		fmt.Fprint(out, string(line))
		return
	}
	name := strings.TrimSpace(e.Package + " " + e.Test)
	switch e.Action {
	case "output", "build-output":
		if e.Test == "" {
			fmt.Fprint(out, e.Output)
			return
		}
		s.output[name] = append(s.output[name], e.Output)
	case "build-fail":
		s.failed = append(s.failed, "build")
	case "pass", "fail", "skip":
		s.end(e, name, out)
	}
}

func (s *summary) end(e event, name string, out io.Writer) {
	output := s.output[name]
	delete(s.output, name)
	switch {
	case e.Action == "fail":
		s.failed = append(s.failed, name)
	case e.Test == "": // a package that passed, or has no tests
		return
	case e.Action == "skip":
		s.skipped = append(s.skipped, name)
	case slices.Contains(s.named, e.Test):
		s.missing = slices.DeleteFunc(s.missing, func(test string) bool { return test == e.Test })
		s.passed++
	default:
		s.passed++
		return
	}
	fmt.Fprint(out, strings.Join(output, ""))
}

func (s *summary) verdict() error {
	var errs []error
	if len(s.failed) > 0 {
		errs = append(errs, fmt.Errorf("failed: %s", strings.Join(s.failed, ", ")))
	}
	if len(s.skipped) > 0 {
		errs = append(errs, fmt.Errorf("skipped, where nothing may be: %s", strings.Join(s.skipped, ", ")))
	}
	if len(s.output) > 0 {
		errs = append(errs, fmt.Errorf("%d tests began and did not end", len(s.output)))
	}
	if s.strange {
		errs = append(errs, errors.New("the run has lines that are not test events"))
	}
	if len(s.missing) > 0 {
		errs = append(errs, fmt.Errorf("did not pass, or is not there: %s", strings.Join(s.missing, ", ")))
	}
	if s.passed == 0 {
		errs = append(errs, errors.New("no test passed"))
	}
	return errors.Join(errs...)
}
