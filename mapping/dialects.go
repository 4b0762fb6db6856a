package mapping

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ampersink/ampersink/internal/config"
)

// dialects are the envelopes that say by themselves what happened to a row. A new one
// is a row here, a word of the configuration, and a file with its reader.
func dialects() map[config.Envelope]reader {
	return map[config.Envelope]reader{
		config.EnvelopeDebezium:     debezium{},
		config.EnvelopeDebeziumFlat: debeziumFlat{},
		config.EnvelopeMaxwell:      maxwell{},
		config.EnvelopeCanal:        canal{},
		config.EnvelopeCockroach:    cockroach{},
		config.EnvelopeDMS:          dms{},
		config.EnvelopeSequin:       sequin{},
	}
}

// readerOf returns the reader of a route.
func readerOf(c config.Route) (r reader, err error) {
	if c.Envelope == config.EnvelopePlain {
		p, ok := newPlain(c.Operation)
		if !ok {
			return nil, fmt.Errorf("operation.value: %q is not known; expected %s", c.Operation.Value, plainWords)
		}
		r = p
	} else if r = dialects()[c.Envelope]; r == nil {
		return nil, fmt.Errorf("envelope: %q is not known; expected one of %q", c.Envelope,
			append([]config.Envelope{config.EnvelopePlain}, slices.Sorted(maps.Keys(dialects()))...))
	}
	switch c.Unwrap {
	case "", config.UnwrapNone:
		return r, nil
	case config.UnwrapCloudEvents:
		return cloudEvents{r}, nil
	}
	return nil, fmt.Errorf("unwrap: %q is not known; expected %q or %q", c.Unwrap, config.UnwrapNone, config.UnwrapCloudEvents)
}
