package config

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// schemaRegistry refuses an address that the password should not travel to, and
// routes that could never be read.
func (c *checker) schemaRegistry() {
	const key = "kafka.schema_registry"
	r := c.cfg.Kafka.SchemaRegistry
	if r == nil {
		c.needRegistry(key)
		return
	}
	if (r.User == "") != (r.Password.Reveal() == "") && c.sound(key+".user", key+".password") {
		c.at(key, "user and password go together")
	}
	for name, text := range map[string]string{"user": r.User, "password": r.Password.Reveal()} {
		if strings.ContainsFunc(text, unicode.IsControl) {
			c.at(key+"."+name, "contains a line break or another control character, which no login can carry")
		}
	}
	// The header of the login has a colon between the two.
	if strings.Contains(r.User, ":") {
		c.at(key+".user", "contains a colon, which the name of a user cannot have here")
	}
	c.registryAddress(r, key)
	c.tls(r.TLS, key+".tls")
}

func (c *checker) registryAddress(r *SchemaRegistry, key string) {
	if !c.sound(key+".url", key+".allow_http") {
		return
	}
	r.URL = strings.TrimRight(r.URL, "/")
	u, err := url.Parse(r.URL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		c.at(key+".url", "expected the address of the registry, such as https://registry.example.com:8081")
	case u.User != nil:
		c.at(key+".url", "credentials do not belong into the address: they are user and password")
	case u.RawQuery != "", u.Fragment != "":
		c.at(key+".url", "expected an address without ? and #")
	case u.Scheme == "http" && r.TLS != nil && c.sound(key+".tls"):
		c.at(key+".tls", "is for an https:// url, and kafka.schema_registry.url is http://")
	case u.Scheme == "http" && r.User != "" && !r.AllowHTTP && !isLoopback(u.Hostname()):
		c.at(key+".url", "http:// to another machine sends the password readable: use https://, or say allow_http: true")
	}
}

// needRegistry refuses a route whose format needs a registry when there is none.
func (c *checker) needRegistry(key string) {
	for i := range c.cfg.Routes {
		at := fmt.Sprintf("routes[%d].format", i)
		if f := c.cfg.Routes[i].Format; f.NeedRegistry() && c.sound(at, key) {
			format := f.Value
			if format == FormatJSON {
				format = f.Key
			}
			c.at(at, "%s is read with the schemas of a registry: add %s: {url: ADDRESS}", format, key)
		}
	}
}
