package kafkatest

import (
	"net"
	"testing"
)

// OnFakeAndReal proves each behaviour, by its name, on the in-process broker and on a real
// one, all side by side on one cluster of each kind.
func OnFakeAndReal(t *testing.T, behaviours map[string]func(*testing.T, *Endpoint)) {
	t.Helper()
	clusters := map[string]func(*testing.T) *Endpoint{
		"fake": func(t *testing.T) *Endpoint { return NewFake(t).Endpoint },
		"real": func(t *testing.T) *Endpoint { return Real(t).Endpoint },
	}
	for cluster, reach := range clusters {
		t.Run(cluster, func(t *testing.T) {
			t.Parallel()
			endpoint := reach(t)
			for name, prove := range behaviours {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					prove(t, endpoint)
				})
			}
		})
	}
}

// DeadAddress returns a host:port of this machine at which nothing listens.
func DeadAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("kafkatest: an address to leave: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
