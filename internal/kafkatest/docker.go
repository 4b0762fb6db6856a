package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest/kafka"
)

// Image is the official image that the Docker way runs.
const Image = "apache/kafka:" + kafka.Version

// Inside the container. What clients reach is published on a port of Docker's
// choice; what the node says to itself (transaction markers) must not go through
// that, because the address is the host's.
const (
	clientPort = "9092/tcp"
	entryPoint = "/etc/kafka/docker/run"
	startFile  = "/tmp/ampersink-start.sh"
)

var containerSettings = map[string]string{
	"KAFKA_NODE_ID":                                          "1",
	"KAFKA_PROCESS_ROLES":                                    "broker,controller",
	"KAFKA_CONTROLLER_QUORUM_VOTERS":                         "1@127.0.0.1:9093",
	"KAFKA_CONTROLLER_LISTENER_NAMES":                        "CONTROLLER",
	"KAFKA_INTER_BROKER_LISTENER_NAME":                       "SELF",
	"KAFKA_LISTENERS":                                        "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093,SELF://127.0.0.1:9094",
	"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":                   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SELF:PLAINTEXT",
	"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":                 "1",
	"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":                     "8",
	"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR":         "1",
	"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":                    "1",
	"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS":             "4",
	"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
	"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR":            "1",
	"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":                 "0",
	"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":                     "1000",
	"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                        "false",
	"KAFKA_LOG_CLEANER_BACKOFF_MS":                           "500",
}

// startDocker runs the image. Which port Docker publishes is known only once the
// container runs, and the broker must advertise it: so the container first waits
// for a file, which brings the address with it.
func startDocker(ctx context.Context) (_ *provided, err error) {
	// Pulling 140 MB included.
	const patience = 5 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, err := dockerHost(ctx)
	if err != nil {
		return nil, fmt.Errorf("no answer from Docker: %w", err)
	}
	var brokers string
	announce := func(ctx context.Context, c testcontainers.Container) error {
		mapped, err := c.MappedPort(ctx, clientPort)
		if err != nil {
			return fmt.Errorf("published port of %s: %w", clientPort, err)
		}
		brokers = net.JoinHostPort(host, mapped.Port())
		script := "export KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://" + brokers + ",SELF://127.0.0.1:9094\nexec " + entryPoint + "\n"
		return c.CopyToContainer(ctx, []byte(script), startFile, 0o644)
	}
	running, err := testcontainers.Run(ctx, Image,
		testcontainers.WithLogger(log.NewNoopLogger()),
		testcontainers.WithEnv(containerSettings),
		testcontainers.WithExposedPorts(clientPort),
		testcontainers.WithHostConfigModifier(publishOn(host)),
		testcontainers.WithEntrypoint("sh", "-c", "while [ ! -s "+startFile+" ]; do sleep 0.1; done; exec sh "+startFile),
		testcontainers.WithCmd(),
		testcontainers.WithAdditionalLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			PostStarts: []testcontainers.ContainerHook{announce},
		}))
	broker := &provided{brokers: brokers, origin: "Docker, image " + Image, close: func() {
		_ = testcontainers.TerminateContainer(running) // says nothing that a test could act on
	}}
	if err == nil {
		err = awaitAnswer(ctx, brokers)
	}
	if err != nil {
		err = fmt.Errorf("run %s: %w%s", Image, err, lastWords(running))
		broker.close()
		return nil, err
	}
	return broker, nil
}

// dockerHost returns the address under which containers publish their ports, or why
// Docker does not answer. The library panics where it finds no socket.
func dockerHost(ctx context.Context) (host string, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(log.NewNoopLogger()))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, provider.Close()) }()
	if err := provider.Health(ctx); err != nil {
		return "", err
	}
	if host, err = provider.DaemonHost(ctx); err != nil {
		return "", fmt.Errorf("address of the Docker host: %w", err)
	}
	if host == "localhost" {
		// As an IPv6 address it may be another container's: Docker chooses its ports apart.
		host = loopback
	}
	return host, nil
}

const loopback = "127.0.0.1"

// publishOn keeps a broker that asks nobody who he is from this machine's other
// addresses. Where Docker is elsewhere, it publishes on all of its own.
func publishOn(host string) func(*container.HostConfig) {
	return func(config *container.HostConfig) {
		if host == loopback {
			port := network.MustParsePort(clientPort)
			config.PortBindings = network.PortMap{port: {{HostIP: netip.MustParseAddr(loopback)}}}
		}
	}
}

// awaitAnswer asks until the broker's metadata lists a broker.
func awaitAnswer(ctx context.Context, brokers string) error {
	const pause, patience = 100 * time.Millisecond, 90 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", brokers, errors.Join(context.Cause(ctx), err))
		case <-time.After(pause):
		}
	}
}

// lastWords is the end of a failed container's log.
func lastWords(of *testcontainers.DockerContainer) string {
	const patience, enough = 5 * time.Second, 2 << 10
	if of == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	logs, err := of.Logs(ctx)
	if err != nil {
		return ""
	}
	defer logs.Close()
	text, _ := io.ReadAll(logs)
	return "; its log ends:\n" + string(bytes.TrimSpace(text[max(0, len(text)-enough):]))
}
