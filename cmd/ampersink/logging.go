package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
)

// newLog makes the log: JSON lines, or the console form on a terminal.
func newLog(c config.Log, out io.Writer) zerolog.Logger {
	console := c.Format == "console"
	if f, ok := out.(*os.File); ok && c.Format == "auto" {
		console = isatty.IsTerminal(f.Fd())
	}
	if console {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	}
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}
