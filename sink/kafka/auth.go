package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ampersink/ampersink/internal/config"
)

// dialTimeout bounds one connection attempt: the client's own default.
const dialTimeout = 10 * time.Second

type dial func(ctx context.Context, network, address string) (net.Conn, error)

// dialer returns the function that opens connections, TLS included.
func dialer(cfg config.Kafka, base dial) (dial, error) {
	if base == nil {
		base = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if cfg.TLS == nil {
		return base, nil
	}
	settings, err := cfg.TLS.Load("kafka.tls")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := base(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := settings.Clone()
		if own.ServerName == "" {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				host = address
			}
			own.ServerName = host
		}
		secure := tls.Client(conn, own)
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		return secure, nil
	}, nil
}

func mechanism(s *config.SASL) sasl.Mechanism {
	if s == nil {
		return nil
	}
	switch s.Mechanism {
	case config.SASLScramSHA256:
		return scram.Auth{User: s.User, Pass: s.Password.Reveal()}.AsSha256Mechanism()
	case config.SASLScramSHA512:
		return scram.Auth{User: s.User, Pass: s.Password.Reveal()}.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.User, Pass: s.Password.Reveal()}.AsMechanism()
	}
}
