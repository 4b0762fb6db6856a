package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
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

// noDocker stands for a machine without Docker, whatever this one has. Java is taken
// away by its environment.
func noDocker(context.Context) (*provided, error) { return nil, errors.New("no answer from Docker") }

// record runs Real as a test of its own would, in a clean environment.
func record(t *testing.T, start starters, environment map[string]string) (*recorder, *Cluster) {
	t.Helper()
	for _, key := range []string{"BROKERS", "KAFKA", "ORIGIN", "NO_BROKER"} {
		t.Setenv("AMPERSINK_TEST_"+key, "")
	}
	t.Setenv("AMPERSINK_REQUIRE_KAFKA", "")
	for key, value := range environment {
		t.Setenv(key, value)
	}
	r := &recorder{TB: t}
	var cluster *Cluster
	done := make(chan struct{})
	go func() {
		defer close(done)
		cluster = take(r, start)
	}()
	<-done
	return r, cluster
}

func TestRealSaysWhichBrokerOrWhyNone(t *testing.T) {
	const (
		skips = iota
		fails
	)
	noJava := "/nowhere"
	cases := map[string]struct {
		environment map[string]string
		end         int
		says        []string
	}{
		"nothing asked for":                     {nil, skips, []string{"AMPERSINK_TEST_BROKERS", "Docker", "Java 17 and Maven"}},
		"asked for Docker, which does not run":  {map[string]string{"AMPERSINK_TEST_KAFKA": "docker"}, skips, []string{"no answer from Docker"}},
		"asked for Java, which is not there":    {map[string]string{"AMPERSINK_TEST_KAFKA": "java", "JAVA_HOME": noJava}, skips, []string{"install Java 17"}},
		"asked for any, and there is none":      {map[string]string{"AMPERSINK_TEST_KAFKA": "auto", "JAVA_HOME": noJava}, skips, []string{"no answer from Docker", "install Java 17"}},
		"required, and there is none":           {map[string]string{"AMPERSINK_REQUIRE_KAFKA": "1", "JAVA_HOME": noJava}, fails, []string{"no answer from Docker", "install Java 17", "AMPERSINK_REQUIRE_KAFKA"}},
		"required, and Main has found none":     {map[string]string{"AMPERSINK_REQUIRE_KAFKA": "1", "AMPERSINK_TEST_NO_BROKER": "looked everywhere"}, fails, []string{"looked everywhere"}},
		"asked for something that is not a way": {map[string]string{"AMPERSINK_TEST_KAFKA": "banana"}, fails, []string{"banana", "docker", "java", "auto"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, cluster := record(t, starters{docker: noDocker, java: startJava}, c.environment)
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
	r, cluster := record(t, starters{}, map[string]string{"AMPERSINK_TEST_BROKERS": "one:9092,two:9092", "AMPERSINK_TEST_KAFKA": "java"})
	if cluster == nil || !slices.Equal(cluster.Brokers(), []string{"one:9092", "two:9092"}) {
		t.Fatalf("got %v, skipped %q, failed %q", cluster, r.skipped, r.failed)
	}
	if log := strings.Join(r.log, "\n"); !strings.Contains(log, "one:9092,two:9092") || !strings.Contains(log, "AMPERSINK_TEST_BROKERS") {
		t.Fatalf("the log does not say which broker was taken: %q", log)
	}
}

func TestDockerIsPreferredToJava(t *testing.T) {
	closed := false
	docker := func(context.Context) (*provided, error) { //nolint:unparam // the signature of a starter
		return &provided{brokers: "one:9092", origin: "Docker, image x", close: func() { closed = true }}, nil
	}
	t.Run("the test", func(t *testing.T) {
		r, cluster := record(t, starters{docker: docker}, map[string]string{"AMPERSINK_TEST_KAFKA": "auto"})
		if cluster == nil || !slices.Equal(cluster.Brokers(), []string{"one:9092"}) {
			t.Fatalf("got %v, skipped %q, failed %q", cluster, r.skipped, r.failed)
		}
		if log := strings.Join(r.log, "\n"); !strings.Contains(log, "Docker, image x") {
			t.Errorf("the log does not say where the broker comes from: %q", log)
		}
	})
	if !closed {
		t.Error("the broker outlives the test that started it")
	}
}

// Whatever stands where Docker should be: an error, and never the library's panic.
func TestDockerThatDoesNotAnswerIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	broker, err := startDocker(ctx)
	if err == nil || broker != nil {
		t.Fatalf("got %v, %v", broker, err)
	}
}

// A broker that asks nobody who he is stays on this machine; a Docker elsewhere must
// publish where it can be reached.
func TestABrokerInDockerIsPublishedOnLoopbackAlone(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{loopback: "map[9092/tcp:[{127.0.0.1 }]]", "docker.example": "map[]"} {
		var config container.HostConfig
		publishOn(host)(&config)
		if got := fmt.Sprint(config.PortBindings); got != want {
			t.Errorf("Docker at %s publishes %s, want %s", host, got, want)
		}
	}
}

func TestTheComposeFileRunsTheKafkaThatIsTested(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	images := regexp.MustCompile(`image: (apache/kafka:.*)`).FindAllStringSubmatch(string(compose), -1)
	if len(images) == 0 {
		t.Error("docker-compose.yml runs no Kafka")
	}
	for _, image := range images {
		if image[1] != Image {
			t.Errorf("docker-compose.yml runs %s, the tests run %s", image[1], Image)
		}
	}
}
