package kafka

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Version is the release of Apache Kafka that is run.
const Version = "4.2.0"

// ErrMissing marks what this machine lacks: Java, Maven, or the network that
// Maven needs.
var ErrMissing = errors.New("no Apache Kafka from its jars")

//go:embed pom.xml
var pom []byte

//go:embed log4j2.properties
var logging []byte

// Installation is a Java and the jars of Kafka.
type Installation struct {
	java string // the program
	dir  string // holds libs and log4j2.properties
}

// Install finds Java and the jars, which Maven fetches when the user's cache
// does not hold them. Processes that install at once wait for the first. An
// error that is [ErrMissing] says what to do.
func Install(ctx context.Context) (*Installation, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("%w: no cache directory for the jars (%w): set XDG_CACHE_HOME or HOME", ErrMissing, err)
	}
	installation := &Installation{java: java, dir: filepath.Join(cache, "ampersink-kafka-"+Version)}
	if installation.complete() {
		return installation, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("create the cache directory: %w", err)
	}
	unlock, err := lock(installation.dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", installation.dir, err)
	}
	defer unlock()
	if installation.complete() {
		return installation, nil
	}
	return installation, installation.fetch(ctx)
}

// complete reports whether the directory was filled for this very pom: it is
// renamed into place when it is whole.
func (in *Installation) complete() bool {
	filledFor, err := os.ReadFile(filepath.Join(in.dir, "pom.xml"))
	return err == nil && bytes.Equal(filledFor, pom)
}

func (in *Installation) fetch(ctx context.Context) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: the jars are not in %s and there is no Maven to fetch them: install Maven 3", ErrMissing, in.dir)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(in.dir), filepath.Base(in.dir)+"-*")
	if err != nil {
		return fmt.Errorf("create a directory for the jars: %w", err)
	}
	defer os.RemoveAll(fresh)
	for name, content := range map[string][]byte{"pom.xml": pom, "log4j2.properties": logging} {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o644); err != nil {
			return fmt.Errorf("prepare the jars: %w", err)
		}
	}
	if err := runMaven(ctx, maven, fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(in.dir); err != nil {
		return fmt.Errorf("remove outdated jars: %w", err)
	}
	if err := os.Rename(fresh, in.dir); err != nil {
		return fmt.Errorf("put the jars in place: %w", err)
	}
	return nil
}

func runMaven(ctx context.Context, maven, dir string) error {
	// 43 MB over a slow line; a machine without one fails at the first connect.
	const patience = 5 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := exec.CommandContext(ctx, maven, "-q", "-B", "-f", filepath.Join(dir, "pom.xml"),
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "libs"),
		// Without a network the answer is no, at once: not after retries. Maven 3.8
		// and 3.9 fetch with different libraries, hence both spellings.
		"-Dmaven.wagon.http.retryHandler.count=0", "-Daether.connector.http.retryHandler.count=0",
		"-Daether.connector.connectTimeout=5000")
	command.WaitDelay = time.Second
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: Maven could not fetch the jars (%w): go online once; it said:\n%s",
			ErrMissing, err, tail(output))
	}
	return nil
}

// tail keeps what explains a failure.
func tail(output []byte) []byte {
	const enough = 4 << 10
	return bytes.TrimSpace(output[max(0, len(output)-enough):])
}

func findJava(ctx context.Context) (string, error) {
	const oldest = 17 // Kafka 4 runs on nothing older
	name := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		name = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: there is no %s: install Java %d or newer", ErrMissing, name, oldest)
	}
	output, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: `%s -version` fails (%w): %s", ErrMissing, java, err, tail(output))
	}
	match := regexp.MustCompile(`version "(\d+)`).FindSubmatch(output)
	if match == nil {
		return "", fmt.Errorf("%w: `%s -version` does not say its version: %s", ErrMissing, java, tail(output))
	}
	if major, _ := strconv.Atoi(string(match[1])); major < oldest {
		return "", fmt.Errorf("%w: %s is Java %d: install Java %d or newer", ErrMissing, java, major, oldest)
	}
	return java, nil
}

// command runs a class of Kafka's in the given directory.
func (in *Installation) command(ctx context.Context, dir string, options []string, class string, arguments ...string) *exec.Cmd {
	line := slices.Concat(options, []string{
		"-Dlog4j2.configurationFile=" + filepath.Join(in.dir, "log4j2.properties"),
		"-cp", filepath.Join(in.dir, "libs", "*"), class,
	}, arguments)
	command := exec.CommandContext(ctx, in.java, line...)
	command.Dir = dir
	return command
}
