package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Options say what to start.
type Options struct {
	Nodes int // default 1
	// Port is the first node's; 0: a free one. The other nodes and the controllers
	// take free ones.
	Port int
	// Heap is each node's, as Java takes it. Default 512m: a node of a test run
	// needs 330 MB in all.
	Heap string
	// Settings are added to each node's server.properties, and win.
	Settings map[string]string
}

// Cluster is one or more brokers, each a controller too.
type Cluster struct {
	installation *Installation
	heap         string
	dir          string // everything of this cluster; removed by Close
	nodes        []*node
}

type node struct {
	dir   string
	ports ports
	*process
}

// startTimeout bounds how long a node may take to answer. It takes about 4 s
// alone, and ten times that on a machine that runs everything else too.
const startTimeout = 90 * time.Second

// Start starts a cluster and returns when every node answers.
func Start(ctx context.Context, in *Installation, opts Options) (*Cluster, error) {
	// A free port can be taken before the node listens on it; three times in a
	// row is another fault.
	const tries = 3
	var errs []error
	for range tries {
		cluster, err := start(ctx, in, opts)
		if err == nil {
			return cluster, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, errPortTaken) || opts.Port != 0 {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func start(ctx context.Context, in *Installation, opts Options) (_ *Cluster, err error) {
	c := &Cluster{installation: in, heap: opts.Heap}
	if c.heap == "" {
		c.heap = "512m"
	}
	if c.dir, err = os.MkdirTemp("", "ampersink-kafka-"); err != nil {
		return nil, fmt.Errorf("create a directory for Kafka's data: %w", err)
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := c.prepare(ctx, opts); err != nil {
		return nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range c.nodes {
		group.Go(func() error { return c.Start(groupCtx, i) })
	}
	return c, group.Wait()
}

// prepare lays out and formats the nodes' directories.
func (c *Cluster) prepare(ctx context.Context, opts Options) error {
	count := max(opts.Nodes, 1)
	free, err := freePorts(2 * count)
	if err != nil {
		return err
	}
	all := make([]ports, count)
	for i := range all {
		all[i] = ports{broker: free[2*i], controller: free[2*i+1]}
	}
	if opts.Port != 0 {
		all[0].broker = opts.Port
	}
	id := clusterID()
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range all {
		n := &node{dir: filepath.Join(c.dir, fmt.Sprintf("node-%d", i)), ports: all[i]}
		c.nodes = append(c.nodes, n)
		group.Go(func() error {
			if err := os.MkdirAll(n.dir, 0o755); err != nil {
				return fmt.Errorf("create the directory of node %d: %w", i, err)
			}
			content := settings(i, filepath.Join(n.dir, "data"), all, opts.Settings)
			if err := os.WriteFile(n.properties(), content, 0o644); err != nil {
				return fmt.Errorf("write the settings of node %d: %w", i, err)
			}
			return c.format(groupCtx, n, id)
		})
	}
	return group.Wait()
}

// clusterID is random, in Kafka's spelling, with a letter in front: its tools
// take a leading hyphen for an option.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x3f
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func (n *node) properties() string { return filepath.Join(n.dir, "server.properties") }
func (n *node) log() string        { return filepath.Join(n.dir, "kafka.log") }

func (c *Cluster) format(ctx context.Context, n *node, id string) error {
	options := []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	command := c.installation.command(ctx, n.dir, options, "kafka.tools.StorageTool", "format", "-t", id, "-c", n.properties())
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("format %s: %w: %s", n.dir, err, tail(output))
	}
	return nil
}

// Brokers returns the nodes' addresses as host:port, those of stopped nodes too.
func (c *Cluster) Brokers() []string {
	brokers := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		brokers[i] = address(n.ports.broker)
	}
	return brokers
}

// Start starts node i (from 0) again after Stop or Kill and returns when it
// answers and the cluster counts it in. While the cluster starts, or with too few
// nodes for a quorum, that is when enough of the others are there.
func (c *Cluster) Start(ctx context.Context, i int) error {
	n := c.nodes[i]
	if n.process != nil && n.running() {
		return nil
	}
	options := []string{"-Xmx" + c.heap, "-XX:+UseSerialGC"}
	// Not the caller's context: the node lives until it is stopped.
	command := c.installation.command(context.WithoutCancel(ctx), n.dir, options, "kafka.Kafka", n.properties())
	p, err := spawn(command, n.log())
	if err != nil {
		return err
	}
	n.process = p
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := n.awaitReady(ctx, int32(i+1)); err != nil {
		output, _ := os.ReadFile(n.log())
		if strings.Contains(string(output), "Address already in use") {
			err = errors.Join(err, errPortTaken)
		}
		return fmt.Errorf("node %d on %s does not answer: %w; its log ends:\n%s", i, address(n.ports.broker), err, tail(output))
	}
	return nil
}

var (
	errPortTaken = errors.New("its port is taken")
	errEnded     = errors.New("the process ended")
)

// awaitReady asks the node until its own metadata lists it.
func (n *node) awaitReady(ctx context.Context, id int32) error {
	const pause = 100 * time.Millisecond
	client, err := kgo.NewClient(kgo.SeedBrokers(address(n.ports.broker)), kgo.RetryTimeout(time.Second), kgo.MetadataMinAge(pause))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		metadata, err := kadm.NewClient(client).BrokerMetadata(ctx)
		for _, broker := range metadata.Brokers {
			if broker.NodeID == id {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-n.done:
			return fmt.Errorf("%w: %w", errEnded, errors.Join(n.err, err))
		case <-time.After(pause):
		}
	}
}

// Stop stops node i in order: it hands its leaderships over first. It takes as
// long as that takes; a node that has no quorum left to hand over to is killed
// after ten seconds.
func (c *Cluster) Stop(i int) {
	const patience = 10 * time.Second
	n := c.nodes[i]
	if n.process == nil {
		return
	}
	killer := time.AfterFunc(patience, func() { _ = n.command.Process.Kill() })
	defer killer.Stop()
	n.end(syscall.SIGTERM)
}

// Kill kills node i, as a power cut does.
func (c *Cluster) Kill(i int) {
	if n := c.nodes[i]; n.process != nil {
		n.end(syscall.SIGKILL)
	}
}

// Log returns the name of the file that node i logs to.
func (c *Cluster) Log(i int) string { return c.nodes[i].log() }

// Close kills every node and removes all data. It may be called again.
func (c *Cluster) Close() {
	for i := range c.nodes {
		c.Kill(i)
	}
	// What is left is in the system's temporary directory.
	_ = os.RemoveAll(c.dir)
}
