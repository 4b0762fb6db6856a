package kafka

import (
	"fmt"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
)

// logger passes on what the client warns of. Its own info lines are per
// connection and per rebalance: debug to us.
type logger struct{ log zerolog.Logger }

func (l logger) Level() kgo.LogLevel {
	if l.log.GetLevel() <= zerolog.DebugLevel {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	as := zerolog.DebugLevel
	if level == kgo.LogLevelError || level == kgo.LogLevelWarn {
		as = zerolog.WarnLevel
	}
	fields := make(map[string]any, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		fields[fmt.Sprint(keyvals[i])] = fmt.Sprint(keyvals[i+1])
	}
	l.log.WithLevel(as).Fields(fields).Str("component", "kafka").Msg(msg)
}
