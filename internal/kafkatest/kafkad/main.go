// Kafkad runs Apache Kafka from its published jars in the foreground, with
// nothing installed but Java 17 and Maven:
//
//	go run ./internal/kafkatest/kafkad --port 9092
//	go run ./internal/kafkatest/kafkad -- go test ./...
//
// With a command it runs that, AMPERSINK_TEST_BROKERS telling it where the
// broker is, and exits as the command does. Either way the broker and its data
// are gone afterwards.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafkad:", err)
	}
	os.Exit(code)
}

const (
	exitDone  = 0
	exitFault = 1
	exitUsage = 2
)

func run(ctx context.Context, arguments []string) (int, error) {
	flags := flag.NewFlagSet("kafkad", flag.ContinueOnError)
	port := flags.Int("port", 0, "the first node's `port` on loopback; 0: a free one")
	nodes := flags.Int("nodes", 1, "how many nodes")
	heap := flags.String("heap", "512m", "each node's heap, as Java takes it")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return exitDone, nil
	} else if err != nil {
		return exitUsage, nil // Parse has said it
	}
	began := time.Now()
	installation, err := kafka.Install(ctx)
	if err != nil {
		return exitFault, err
	}
	cluster, err := kafka.Start(ctx, installation, kafka.Options{Nodes: *nodes, Port: *port, Heap: *heap})
	if err != nil {
		return exitFault, err
	}
	defer cluster.Close()
	brokers := strings.Join(cluster.Brokers(), ",")
	fmt.Fprintf(os.Stderr, "Apache Kafka %s answers on %s after %.1f s, and logs to %s\n",
		kafka.Version, brokers, time.Since(began).Seconds(), cluster.Log(0))
	if flags.NArg() > 0 {
		return execute(ctx, brokers, flags.Args())
	}
	fmt.Printf("export AMPERSINK_TEST_BROKERS=%s\n", brokers)
	<-ctx.Done()
	return exitDone, nil
}

func execute(ctx context.Context, brokers string, line []string) (int, error) {
	command := exec.CommandContext(ctx, line[0], line[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Env = append(os.Environ(), "AMPERSINK_TEST_BROKERS="+brokers)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return exitFault, fmt.Errorf("%s: %w", strings.Join(line, " "), err)
	}
	return exitDone, nil
}
