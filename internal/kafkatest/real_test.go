package kafkatest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// recorder is a test whose end is looked at instead of happening.
type recorder struct {
	testing.TB
	log     []string
	skipped string
	failed  string
}

func (r *recorder) Helper() {}
func (r *recorder) Logf(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}
func (r *recorder) Skip(args ...any)  { r.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any) { r.failed = fmt.Sprint(args...); runtime.Goexit() }

// record runs Real as a test of its own would, in a clean environment.
func record(t *testing.T, environment map[string]string) (*recorder, *kafkatest.Cluster) {
	t.Helper()
	for _, key := range []string{"BROKERS", "KAFKA", "ORIGIN", "NO_BROKER"} {
		t.Setenv("AMPERSINK_TEST_"+key, "")
	}
	t.Setenv("AMPERSINK_REQUIRE_KAFKA", "")
	for key, value := range environment {
		t.Setenv(key, value)
	}
	r := &recorder{TB: t}
	var cluster *kafkatest.Cluster
	done := make(chan struct{})
	go func() {
		defer close(done)
		cluster = kafkatest.Real(r)
	}()
	<-done
	return r, cluster
}

func TestRealSaysWhichBrokerOrWhyNone(t *testing.T) {
	const (
		skips = iota
		fails
	)
	noDocker, noJava := "unix:///nowhere/docker.sock", "/nowhere"
	cases := map[string]struct {
		environment map[string]string
		end         int
		says        []string
	}{
		"nothing asked for":                     {nil, skips, []string{"AMPERSINK_TEST_BROKERS", "Docker", "Java 17 and Maven"}},
		"asked for Docker, which does not run":  {map[string]string{"AMPERSINK_TEST_KAFKA": "docker", "DOCKER_HOST": noDocker}, skips, []string{"no answer from Docker"}},
		"asked for Java, which is not there":    {map[string]string{"AMPERSINK_TEST_KAFKA": "java", "JAVA_HOME": noJava}, skips, []string{"install Java 17"}},
		"asked for any, and there is none":      {map[string]string{"AMPERSINK_TEST_KAFKA": "auto", "DOCKER_HOST": noDocker, "JAVA_HOME": noJava}, skips, []string{"no answer from Docker", "install Java 17"}},
		"required, and there is none":           {map[string]string{"AMPERSINK_REQUIRE_KAFKA": "1", "DOCKER_HOST": noDocker, "JAVA_HOME": noJava}, fails, []string{"no answer from Docker", "install Java 17", "AMPERSINK_REQUIRE_KAFKA"}},
		"required, and Main has found none":     {map[string]string{"AMPERSINK_REQUIRE_KAFKA": "1", "AMPERSINK_TEST_NO_BROKER": "looked everywhere"}, fails, []string{"looked everywhere"}},
		"asked for something that is not a way": {map[string]string{"AMPERSINK_TEST_KAFKA": "banana"}, fails, []string{"banana", "docker", "java", "auto"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, cluster := record(t, c.environment)
			said, other := r.skipped, r.failed
			if c.end == fails {
				said, other = other, said
			}
			if cluster != nil || said == "" || other != "" {
				t.Fatalf("got cluster %v, skipped %q, failed %q", cluster, r.skipped, r.failed)
			}
			for _, words := range c.says {
				if !strings.Contains(said, words) {
					t.Errorf("%q does not say %q", said, words)
				}
			}
		})
	}
}

func TestRealTakesTheBrokersItIsTold(t *testing.T) {
	r, cluster := record(t, map[string]string{"AMPERSINK_TEST_BROKERS": "one:9092,two:9092", "AMPERSINK_TEST_KAFKA": "java"})
	if cluster == nil || !slices.Equal(cluster.Brokers(), []string{"one:9092", "two:9092"}) {
		t.Fatalf("got %v, skipped %q, failed %q", cluster, r.skipped, r.failed)
	}
	if log := strings.Join(r.log, "\n"); !strings.Contains(log, "one:9092,two:9092") || !strings.Contains(log, "AMPERSINK_TEST_BROKERS") {
		t.Fatalf("the log does not say which broker was taken: %q", log)
	}
}
