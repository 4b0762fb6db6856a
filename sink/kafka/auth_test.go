package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

// authority is a certificate authority of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	next int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), next: 1}
	a.key = newKey(t)
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes name.pem and name.key, for that host.
func (a *authority) issue(t *testing.T, name, host string) tls.Certificate {
	t.Helper()
	a.next++
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		cert.IPAddresses = []net.IP{ip}
	} else {
		cert.DNSNames = []string{host}
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, name+".pem", "CERTIFICATE", der)
	a.write(t, name+".key", "PRIVATE KEY", raw)
	pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// pool holds the authority alone.
func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(a.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// reach checks a broker with a configuration and returns the first thing that is wrong.
func reach(t *testing.T, broker *kafkatest.Fake, change func(*config.Kafka)) error {
	t.Helper()
	cfg := config.Kafka{
		Brokers: broker.Brokers(), Group: "crm-sync", ClientID: "ampersink", Start: config.StartEarliest, SessionTimeout: time.Second,
	}
	change(&cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, f := range Check(ctx, Options{Config: cfg, Topics: []string{"orders"}, Log: zerolog.Nop()}, func(s string) string { return s + ".dead" }, true) {
		if f.Err != nil {
			return f.Err
		}
	}
	return nil
}

func TestABrokerWithTLSIsReached(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	server := a.issue(t, "broker", "127.0.0.1")
	broker := kafkatest.NewFake(t, kfake.SeedTopics(1, "orders"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}))
	for name, c := range map[string]struct {
		tls  *config.TLS
		want string // part of the error; empty: reached
	}{
		"its authority is named":      {&config.TLS{CA: a.path("ca.pem")}, ""},
		"another authority":           {&config.TLS{CA: other.path("ca.pem")}, "TLS with 127.0.0.1:"},
		"the system's authorities":    {&config.TLS{}, "TLS with 127.0.0.1:"},
		"another name":                {&config.TLS{CA: a.path("ca.pem"), ServerName: "kafka.example.com"}, "kafka.example.com"},
		"a file that is not there":    {&config.TLS{CA: a.path("nowhere.pem")}, "kafka.tls.ca"},
		"a file without certificates": {&config.TLS{CA: a.path("broker.key")}, "holds no certificate in PEM form"},
		"a key that is not there":     {&config.TLS{CA: a.path("ca.pem"), Cert: a.path("broker.pem"), Key: a.path("nowhere.key")}, "kafka.tls.key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := reach(t, broker, func(k *config.Kafka) { k.TLS = c.tls })
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, expected %q", err, c.want)
			}
		})
	}
}

func TestAServerNameStandsForTheAddress(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := a.issue(t, "broker", "kafka.example.com")
	broker := kafkatest.NewFake(t, kfake.SeedTopics(1, "orders"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}))
	if err := reach(t, broker, func(k *config.Kafka) { k.TLS = &config.TLS{CA: a.path("ca.pem"), ServerName: "kafka.example.com"} }); err != nil {
		t.Error(err)
	}
}

func TestABrokerThatAsksForACertificateGetsIt(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := a.issue(t, "broker", "127.0.0.1")
	a.issue(t, "client", "client")
	broker := kafkatest.NewFake(t, kfake.SeedTopics(1, "orders"), kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: a.pool(t), ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	if err := reach(t, broker, func(k *config.Kafka) {
		k.TLS = &config.TLS{CA: a.path("ca.pem"), Cert: a.path("client.pem"), Key: a.path("client.key")}
	}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	cfg := config.Kafka{Brokers: broker.Brokers(), Group: "g", TLS: &config.TLS{CA: a.path("ca.pem")}}
	if f := Check(ctx, Options{Config: cfg, Log: zerolog.Nop()}, nil, true); f[0].Err == nil {
		t.Error("a client without a certificate was let in")
	}
}

func TestABrokerWithSASLIsReachedByEveryMechanism(t *testing.T) {
	t.Parallel()
	const user, password = "ann", "open sesame"
	broker := kafkatest.NewFake(t, kfake.SeedTopics(1, "orders"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", user, password), kfake.Superuser("SCRAM-SHA-256", user, password), kfake.Superuser("SCRAM-SHA-512", user, password))
	for _, mechanism := range []config.Mechanism{config.SASLPlain, config.SASLScramSHA256, config.SASLScramSHA512} {
		t.Run(string(mechanism), func(t *testing.T) {
			t.Parallel()
			with := func(p config.Secret) error {
				return reach(t, broker, func(k *config.Kafka) {
					k.SASL = &config.SASL{Mechanism: mechanism, User: user, Password: p}
				})
			}
			if err := with(config.NewSecret(password)); err != nil {
				t.Errorf("with the right password: %v", err)
			}
			if err := with(config.NewSecret("open barley")); err == nil {
				t.Error("a wrong password is let in")
			}
		})
	}
}

// Kafka says that a password is wrong; the in-process broker only hangs up.
func TestAWrongPasswordIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "x"))
	broker.Cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	began := time.Now()
	_, err := Open(t.Context(), Options{
		Config: config.Kafka{
			Brokers: broker.Brokers(), Group: "g", Start: config.StartEarliest, SessionTimeout: time.Second,
			SASL: &config.SASL{Mechanism: config.SASLPlain, User: "ann", Password: config.NewSecret("open barley")},
		},
		Topics: []string{"orders"}, Log: zerolog.Nop(), Group: &revocable{},
	})
	if !errors.Is(err, kerr.SaslAuthenticationFailed) || !Fatal(err) {
		t.Fatalf("opened with a wrong password: %v", err)
	}
	if !strings.Contains(err.Error(), "kafka.sasl.user") || strings.Contains(err.Error(), "barley") {
		t.Errorf("it does not say what to do, or says the password: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it was said after %s", took)
	}
}
