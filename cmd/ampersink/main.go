// Command ampersink reads change events from Kafka topics and writes them into
// CRMs through the Ampersand write API.
//
// Exit codes: 0 done (also after SIGTERM and a clean drain), 1 a fault while
// running (or dead letters that the drain could not write), 2 a configuration
// that cannot run (nothing was started).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
)

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv))
}

// The exit codes.
const (
	exitDone   = 0
	exitFault  = 1
	exitConfig = 2
)

// app is what the commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) (string, bool)
}

// configError marks an error that was found before anything was started.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// loggedError marks a fault that the log has told: a plain line more would tell it
// twice, and break a log that is JSON.
type loggedError struct{ error }

func (e loggedError) Unwrap() error { return e.error }

func execute(args []string, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		// The first signal drains. After it the default action is back: a second one
		// leaves at once.
		<-ctx.Done()
		stop()
	}()
	a := &app{stdin: os.Stdin, stdout: stdout, stderr: stderr, env: env}
	return a.execute(ctx, args)
}

// execute runs a command and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	var wrong configError
	var logged loggedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintln(a.stderr, err)
		return exitConfig
	case errors.As(err, &logged):
		return exitFault
	default:
		_, _ = fmt.Fprintln(a.stderr, "ampersink:", err)
		return exitFault
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ampersink",
		Short: "Change events in, CRM records out",
		Long: "ampersink reads change events from Kafka topics as a consumer group, maps them to create,\n" +
			"update and delete, writes them in batches to the Ampersand write API, and moves an offset\n" +
			"only when the record's fate is known.",
		Example:       "  ampersink demo\n  ampersink validate --config config.yaml --connect\n  ampersink preview --config config.yaml\n  ampersink run --config config.yaml",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          aCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if said := c.Flags().Args(); c.HasSubCommands() && len(said) > 0 {
			return aCommand(c, said) // whose flag it is, the command that was meant would say
		}
		return configError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.AddCommand(a.run(), a.validate(), a.preview(), a.sandbox(), a.demo(), a.version())
	for _, c := range root.Commands() {
		c.Args = noArgs
	}
	root.AddCommand(a.ledger())
	return root
}

// aCommand refuses a command that there is not as a wrong call, and names the nearest.
func aCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	hint := ""
	if near := config.Nearest(args[0], names); near != "" {
		hint = ": did you mean " + near + "?"
	}
	return configError{fmt.Errorf("there is no command %q%s (see %s --help)", args[0], hint, c.CommandPath())}
}

// noArgs refuses arguments as a wrong call.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		hint := ""
		if f := c.Flags().Lookup("config"); f != nil && !f.Changed {
			hint = ": did you mean --config " + args[0] + "?"
		}
		return configError{fmt.Errorf("%s takes no argument: %q%s (see %s --help)", c.CommandPath(), args[0], hint, c.CommandPath())}
	}
	return nil
}
