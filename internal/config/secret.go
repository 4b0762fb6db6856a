package config

import (
	"encoding/json"
	"fmt"
	"io"
)

// Secret never shows itself: not under any verb of fmt, not in JSON, not in YAML.
// It holds the text behind a pointer, because where fmt cannot call methods (in an
// unexported field, in a value that does not fit the verb) it prints what it
// finds: an address then. Two Secrets are compared by Reveal.
type Secret struct{ text *string }

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the secret for the one place that must send it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String hides the secret, and shows whether there is one.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return "[secret]"
}

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides the secret from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// hidden stands for the value of a header, which may be a credential of the CRM.
const hidden = "[hidden]"

// Hidden returns the header as it may be shown: without its value.
func (h Header) Hidden() Header { return Header{Key: h.Key, Value: hidden} }

// Format hides the value from every verb.
func (h Header) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.Key+": "+hidden) }

// MarshalJSON hides the value.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"key": h.Key, "value": hidden})
}

// MarshalYAML hides the value.
func (h Header) MarshalYAML() (any, error) { return pairs("key", h.Key, "value", hidden), nil }

// Format writes what Redacted returns, under every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Redacted()) }
