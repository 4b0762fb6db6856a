package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest/kafka"
)

// What the tests are told through the environment.
const (
	envBrokers = "AMPERSINK_TEST_BROKERS"   // host:port, comma separated
	envWay     = "AMPERSINK_TEST_KAFKA"     // docker, java or auto
	envRequire = "AMPERSINK_REQUIRE_KAFKA"  // 1: a missing broker is a failure
	envOrigin  = "AMPERSINK_TEST_ORIGIN"    // set by Main: where envBrokers came from
	envMissing = "AMPERSINK_TEST_NO_BROKER" // set by Main: why there is none
)

// howTo is what a skipped test says.
const howTo = "set " + envBrokers + " to a running one, or " + envWay + "=docker (needs Docker), java (needs Java 17 and Maven) or auto to have one started"

// Cluster is a real Kafka.
type Cluster struct {
	*Endpoint
}

// Real returns a real Kafka, says in the test's log which, and skips the test
// when there is none: see the package's documentation. A package with more than
// one test that needs it has a TestMain that calls [Main], so that they share it.
func Real(tb testing.TB) *Cluster {
	tb.Helper()
	return take(tb, starters{docker: startDocker, java: startJava})
}

func take(tb testing.TB, start starters) *Cluster {
	tb.Helper()
	broker, err := provide(tb.Context(), start)
	if err != nil {
		unavailable(tb, err)
	}
	tb.Cleanup(broker.close)
	tb.Logf("kafkatest: Kafka at %s (%s)", broker.brokers, broker.origin)
	var dialer net.Dialer
	return &Cluster{&Endpoint{brokers: strings.Split(broker.brokers, ","), dial: dialer.DialContext}}
}

// Main runs the tests with one broker for all of them, if the environment asks
// for one: func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }.
//
// What it started it announces in the environment of the process: that is the
// one place that tests and the processes that they start can both see.
func Main(m *testing.M) int {
	broker, err := provide(context.Background(), starters{docker: startDocker, java: startJava})
	if err != nil {
		announce(envMissing, err.Error())
		return m.Run()
	}
	defer broker.close()
	announce(envBrokers, broker.brokers)
	announce(envOrigin, broker.origin)
	return m.Run()
}

func announce(key, value string) {
	if err := os.Setenv(key, value); err != nil {
		panic("BUG: " + err.Error()) // only a malformed key or value is refused
	}
}

// provided is a broker, and how to give it back.
type provided struct {
	brokers string // comma separated
	origin  string // for the log
	close   func()
}

// starters are the ways to start a broker: handed in, because whether this machine
// has Docker is not for a test of the choice between them to depend on.
type starters struct {
	docker, java func(context.Context) (*provided, error)
}

var (
	errNotAsked = errors.New("no real Kafka")
	errWay      = errors.New("unknown value of " + envWay)
)

// provide takes the first broker that is there and allowed. It reads every
// variable each time: go test keeps a result until one changes that it saw read.
func provide(ctx context.Context, start starters) (*provided, error) {
	way, brokers, origin, missing := way(), os.Getenv(envBrokers), os.Getenv(envOrigin), os.Getenv(envMissing)
	switch {
	case brokers != "":
		return &provided{brokers: brokers, origin: cmp.Or(origin, envBrokers), close: func() {}}, nil
	case missing != "":
		return nil, errors.New(missing)
	}
	switch way {
	case "":
		return nil, errNotAsked
	case "docker":
		return start.docker(ctx)
	case "java":
		return start.java(ctx)
	case "auto":
		return start.any(ctx)
	default:
		return nil, fmt.Errorf("%w: %q", errWay, way)
	}
}

// way returns how a broker may be started; "" when it may not.
func way() string {
	way, required := os.Getenv(envWay), required()
	if way == "" && required {
		return "auto"
	}
	return way
}

func required() bool { return os.Getenv(envRequire) == "1" }

func (s starters) any(ctx context.Context) (*provided, error) {
	broker, dockerErr := s.docker(ctx)
	if dockerErr == nil {
		return broker, nil
	}
	broker, javaErr := s.java(ctx)
	if javaErr == nil {
		return broker, nil
	}
	return nil, fmt.Errorf("no real Kafka: by Docker: %w; by Java: %w", dockerErr, javaErr)
}

func startJava(ctx context.Context) (*provided, error) {
	cluster, err := startNodes(ctx, 1, nil)
	if err != nil {
		return nil, err
	}
	origin := "Java, Apache Kafka " + kafka.Version + " from its jars"
	return &provided{brokers: cluster.Brokers()[0], origin: origin, close: cluster.Close}, nil
}

func startNodes(ctx context.Context, nodes int, settings map[string]string) (*kafka.Cluster, error) {
	installation, err := kafka.Install(ctx)
	if err != nil {
		return nil, err
	}
	return kafka.Start(ctx, installation, kafka.Options{Nodes: nodes, Settings: settings})
}

// unavailable skips the test, or fails it where a broker is required or the
// request itself is wrong.
func unavailable(tb testing.TB, err error) {
	tb.Helper()
	message := fmt.Sprintf("kafkatest: %v; %s", err, howTo)
	if required() || errors.Is(err, errWay) {
		tb.Fatal(message + " (" + envRequire + "=1 makes this a failure)")
	}
	tb.Skip(message)
}
