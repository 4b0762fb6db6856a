package kafka

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each thing that can be missing is named, with what to do.
func TestInstallSaysWhatIsMissing(t *testing.T) {
	cases := map[string]struct {
		java, maven string // shell scripts; empty: not there
		says        []string
	}{
		"no Java":                  {"", "exit 0", []string{"java", "install Java 17"}},
		"an old Java":              {`echo 'openjdk version "11.0.2" 2019-01-15' >&2`, "exit 0", []string{"Java 11", "install Java 17"}},
		"a Java from before 9":     {`echo 'java version "1.8.0_402"' >&2`, "exit 0", []string{"Java 1:", "install Java 17"}},
		"a Java that fails":        {"echo broken; exit 1", "exit 0", []string{"-version", "broken"}},
		"a Java that says nothing": {"exit 0", "exit 0", []string{"does not say its version"}},
		"no Maven":                 {`echo 'openjdk version "17.0.15"'`, "", []string{"install Maven"}},
		"no network":               {`echo 'openjdk version "21" 2023-09-19'`, "echo unreachable; exit 1", []string{"go online once", "unreachable"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			programs := isolate(t)
			writeProgram(t, programs, "java", c.java)
			writeProgram(t, programs, "mvn", c.maven)
			_, err := Install(t.Context())
			if !errors.Is(err, ErrMissing) {
				t.Fatalf("got %v, want what is missing", err)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
		})
	}
}

func TestJarsAreFetchedOnceForEachPom(t *testing.T) {
	programs := isolate(t)
	count := filepath.Join(programs, "fetched")
	writeProgram(t, programs, "java", `echo 'openjdk version "17.0.15"'`)
	writeProgram(t, programs, "mvn", "echo x >> "+count)
	var in *Installation
	for range 2 {
		var err error
		if in, err = Install(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expectFetched(t, count, 1)
	if err := os.WriteFile(filepath.Join(in.dir, "pom.xml"), []byte("<of-yesterday/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectFetched(t, count, 2)
}

func expectFetched(t *testing.T, count string, want int) {
	t.Helper()
	if content, err := os.ReadFile(count); err != nil || strings.Count(string(content), "x") != want {
		t.Fatalf("Maven ran for %q (%v), want %d times", content, err, want)
	}
}

// isolate gives the test an empty cache and a PATH with its own programs alone,
// and returns where those go.
func isolate(t *testing.T) string {
	t.Helper()
	if os.PathSeparator != '/' {
		t.Skip("the programs that stand in for Java and Maven are shell scripts")
	}
	programs := t.TempDir()
	home := t.TempDir()
	t.Setenv("PATH", programs)
	t.Setenv("JAVA_HOME", "")
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	return programs
}

func writeProgram(t *testing.T, dir, name, script string) {
	t.Helper()
	if script == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsOfThreeNodes(t *testing.T) {
	t.Parallel()
	nodes := []ports{{1001, 2001}, {1002, 2002}, {1003, 2003}}
	lines := strings.Split(string(settings(1, `/data\two`, nodes, map[string]string{"log.cleaner.backoff.ms": "7"})), "\n")
	for _, want := range []string{
		"node.id=2",
		"controller.quorum.voters=1@127.0.0.1:2001,2@127.0.0.1:2002,3@127.0.0.1:2003",
		"listeners=PLAINTEXT://127.0.0.1:1002,CONTROLLER://127.0.0.1:2002",
		"default.replication.factor=3",
		"min.insync.replicas=2",
		`log.dirs=/data\\two`,
		"log.cleaner.backoff.ms=7",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is not among the settings", want)
		}
	}
}

func TestFreePortsAreDistinctAndFree(t *testing.T) {
	t.Parallel()
	found, err := freePorts(50)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if len(slices.Compact(found)) != 50 {
		t.Fatalf("ports %v are not 50 different ones", found)
	}
}
