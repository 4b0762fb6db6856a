package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// checker refuses what is well written and cannot run: each value fits its
// key, but not the world or one another.
type checker struct {
	*report
	cfg      *Config
	readFile func(string) ([]byte, error)
	// languages is what expressions are written in: none or one.
	languages []CheckExpression
}

func (c *checker) all() {
	c.kafka()
	c.tls(c.cfg.Kafka.TLS, "kafka.tls")
	c.sasl()
	c.schemaRegistry()
	c.ampersand()
	c.retry()
	c.flood()
	c.admin()
	for i := range c.cfg.Routes {
		c.route(&c.cfg.Routes[i], fmt.Sprintf("routes[%d]", i))
	}
	c.expressions()
	c.routeNames()
	c.sharedDestinations()
	c.shapes()
	c.skipRules()
	c.deadLetters()
	c.ledger()
	c.identity()
}

func (c *checker) kafka() {
	k := &c.cfg.Kafka
	for i, broker := range k.Brokers {
		key := fmt.Sprintf("kafka.brokers[%d]", i)
		if !c.sound(key) {
			continue
		}
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || !isPort(port, 1) {
			c.at(key, "found %s, expected host:port", c.shown(key, broker))
		}
	}
	// Kafka holds a static member's name to the rules of topic names.
	if id := k.InstanceID; id != "" && !isTopic(id) {
		c.at("kafka.instance_id", "found %s, expected at most %d letters, digits, dots, dashes and underscores",
			c.shown("kafka.instance_id", id), maxTopic)
	}
}

func (c *checker) tls(t *TLS, key string) {
	if t == nil {
		return
	}
	if (t.Cert == "") != (t.Key == "") && c.sound(key+".cert", key+".key") {
		c.at(key, "cert and key go together: mutual TLS needs both")
	}
	for _, file := range []struct{ key, path string }{
		{key + ".ca", t.CA}, {key + ".cert", t.Cert}, {key + ".key", t.Key},
	} {
		if file.path == "" || c.readFile == nil {
			continue
		}
		if _, err := c.readFile(file.path); err != nil {
			c.at(file.key, "the file cannot be read: %v", err)
		}
	}
}

func (c *checker) sasl() {
	s := c.cfg.Kafka.SASL
	if s == nil || s.Mechanism != SASLPlain || c.cfg.Kafka.TLS != nil || s.AllowPlaintext || !c.sound("kafka.tls") {
		return
	}
	c.at("kafka.sasl.mechanism", "plain without TLS sends the password readable: add kafka.tls, use a scram mechanism, or say allow_plaintext: true")
}

func (c *checker) ampersand() {
	a := &c.cfg.Ampersand
	if strings.ContainsFunc(a.APIKey.Reveal(), unicode.IsControl) {
		c.at("ampersand.api_key", "contains a line break or another control character, which no header can carry")
	}
	c.address("ampersand.url", &a.URL)
	c.address("ampersand.search_url", &a.SearchURL)
	c.address("ampersand.api_url", &a.OperationsURL)
}

// address refuses an address that the API key should not travel to.
func (c *checker) address(key string, address *string) {
	if !c.sound(key, "ampersand.allow_http") {
		return
	}
	*address = strings.TrimRight(*address, "/")
	u, err := url.Parse(*address)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		c.at(key, "expected the address of the API, such as https://write.withampersand.com/v1")
	case u.User != nil:
		c.at(key, "credentials do not belong into the address: the key is api_key")
	case u.RawQuery != "", u.Fragment != "":
		c.at(key, "expected an address without ? and #")
	case u.Scheme == "http" && !c.cfg.Ampersand.AllowHTTP && !isLoopback(u.Hostname()):
		c.at(key, "http:// to another machine sends the API key readable: use https://, or say allow_http: true")
	}
}

func (c *checker) retry() {
	r := &c.cfg.Retry
	if c.sound("retry.initial", "retry.max") && r.Initial > r.Max {
		c.at(c.written("retry.initial", "retry.max"), "retry.initial (%s) is above retry.max (%s)",
			c.duration("retry.initial", r.Initial), c.duration("retry.max", r.Max))
	}
	if c.sound("retry.max", "retry.patience") && r.Max > r.Patience {
		c.at(c.written("retry.max", "retry.patience"), "retry.max (%s) is above retry.patience (%s)",
			c.duration("retry.max", r.Max), c.duration("retry.patience", r.Patience))
	}
}

// duration writes a duration, and whether the file says nothing of it.
func (c *checker) duration(key string, d time.Duration) string {
	text := writeDuration(d)
	if _, written := c.places[key]; !written {
		text += ", the default"
	}
	return text
}

func (c *checker) flood() {
	f := c.cfg.Flood
	if f.Keys <= f.Window || f.Action == FloodDeadLetter || !c.sound("flood.keys", "flood.window") {
		return
	}
	c.at(c.written("flood.keys", "flood.window"), "the guard would never act, because %d different keys (flood.keys) are not among the last %d writes (flood.window): "+
		"make keys smaller or window larger, or switch the guard off with flood.action: dead_letter", f.Keys, f.Window)
}

func (c *checker) admin() {
	const key = keyListen
	listen := c.cfg.Admin.Listen
	if listen == "" {
		return
	}
	if _, port, err := net.SplitHostPort(listen); err != nil || !isPort(port, 0) {
		hint := ""
		if isPort(listen, 0) {
			hint = "; " + listenHint(c.shown(key, listen))
		}
		c.at(key, `found %s, expected host:port, :port, or "" for no listener%s`, c.shown(key, listen), hint)
	}
}

const keyListen = "admin.listen"

// listenHint says what a bare port may mean.
func listenHint(port string) string {
	port = strings.Trim(port, `"`)
	return fmt.Sprintf(`write ":%[1]s" for every address or "127.0.0.1:%[1]s" for this machine alone`, port)
}

// shown quotes a value as the file writes it, so that what a reference stands
// for is not told; a default is quoted as it is.
func (c *checker) shown(key, value string) string {
	if n, ok := c.places[key]; ok {
		value = aliased(n).Value
	}
	// host:port with a user and password before it.
	if _, after, ok := strings.Cut(value, "@"); ok {
		value = "...@" + after
	}
	return quote(value)
}

func isPort(text string, lowest int) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= lowest && port <= 65535
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
