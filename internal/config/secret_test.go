package config

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// marks are the secrets of these tests.
const (
	keyMark, passwordMark, registryMark, headerMark = "KEY-7f3a91c2", "PASSWORD-99e1d0", "REGISTRY-c0ffee", "HEADER-51bb7e"
)

// secrets has every kind of secret, each from somewhere else.
var secretText = strings.NewReplacer(
	"literal-key", "${KEY}",
	"group: crm-sync", "group: crm-sync\n  tls: {}\n  sasl: {mechanism: plain, user: u, password: '${file:/run/secrets/password}'}"+
		"\n  schema_registry: {url: 'https://registry', user: u, password: '${file:/run/secrets/registry}'}",
).Replace(base) + "    headers: [{key: Authorization, value: " + headerMark + "}]\n"

func secretEnv(name string) (string, bool) { return keyMark, name == "KEY" }

func secretFile(path string) ([]byte, error) {
	switch path {
	case "/run/secrets/password":
		return []byte(passwordMark + "\n"), nil
	case "/run/secrets/registry":
		return []byte(registryMark + "\n"), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func parseSecret(text string) (*Config, error) {
	return Parse("c.yaml", []byte(text), secretEnv, secretFile)
}

// shows reports the secrets that a text shows. A header's value is hidden only
// where the whole configuration is written down.
func shows(text string, marks ...string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			return mark
		}
	}
	return ""
}

func TestSecretsAreNotShownByWhatPrintsAConfiguration(t *testing.T) {
	t.Parallel()
	c, err := parseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	if c.Ampersand.APIKey.Reveal() != keyMark || c.Kafka.SASL.Password.Reveal() != passwordMark ||
		c.Kafka.SchemaRegistry.Password.Reveal() != registryMark || c.Routes[0].Headers[0].Value != headerMark {
		t.Fatal("the secrets did not arrive, so hiding them would prove nothing")
	}
	// fmt calls no methods of what is not exported.
	type unexported struct {
		ampersand Ampersand
		kafka     *Kafka
		secret    Secret
	}
	printed := map[string]string{"Redacted": c.Redacted()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
		for name, v := range map[string]any{
			"*Config": c, "Config": *c, "Ampersand": c.Ampersand, "SASL": *c.Kafka.SASL, "*SASL": c.Kafka.SASL, "Kafka": c.Kafka,
			"Secret": c.Ampersand.APIKey, "map": map[string]any{"c": c}, "unexported": unexported{c.Ampersand, &c.Kafka, c.Ampersand.APIKey}, "list": []any{*c, c.Ampersand.APIKey},
		} {
			printed[name+" as "+verb] = fmt.Sprintf(verb, v)
		}
	}
	for name, v := range map[string]any{"*Config": c, "Config": *c, "Ampersand": c.Ampersand, "Kafka": c.Kafka, "Secret": c.Ampersand.APIKey} {
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed[name+" as JSON"], printed[name+" as YAML"] = string(asJSON), string(asYAML)
	}
	for how, text := range printed {
		if text == "" {
			t.Errorf("%s printed nothing", how)
		}
		if mark := shows(text, keyMark, passwordMark, registryMark, fmt.Sprintf("%x", keyMark), fmt.Sprintf("%X", keyMark), fmt.Sprintf("%x", passwordMark)); mark != "" {
			t.Errorf("%s shows %s: %s", how, mark, text)
		}
	}
	for _, how := range []string{"Redacted", "*Config as JSON", "Config as JSON", "*Config as YAML", "Config as YAML", "*Config as %v", "Config as %+v", "Config as %s", "*Config as %d", "map as %q"} {
		if mark := shows(printed[how], headerMark); mark != "" {
			t.Errorf("%s shows the value of a header: %s", how, printed[how])
		}
	}
}

func TestSecretsAreNotShownByAPanicThatCarriesThem(t *testing.T) {
	t.Parallel()
	c, err := parseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if text := fmt.Sprint(recover()) + string(debug.Stack()); shows(text, keyMark, passwordMark, registryMark) != "" {
			t.Errorf("shown: %s", text)
		}
	}()
	panic(fmt.Errorf("BUG: %v and %v", *c, c.Kafka.SASL))
}

// Whatever single mistake is made around a secret, the message does not tell it.
func TestSecretsAreNotShownByProblems(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"[SECRET]", "{SECRET: 1}", "{a: SECRET}", "!SECRET x", "!!int SECRET", "&a [SECRET]", "*SECRET", "'SECRET", `"SECRET`, `"\SECRET"`,
		"a: SECRET", "@SECRET", "%SECRET", "`SECRET", "[SECRET", "{SECRET", "SECRET: SECRET", "\"SECRET\n  x\n", "|\n    SECRET\n    SECRET",
		"'${SECRET'", "'${SECRET SECRET}'", "'SECRET${'", "SECRET\x01", "SECRET\xff", "12345678 SECRET\n\tx", "<<: SECRET", "? SECRET",
	} {
		value := strings.ReplaceAll(value, "SECRET", keyMark)
		for _, key := range []string{"api_key: ", "api_key:", "project: acme\n  aip_key: ", "project: acme\n  api_key "} {
			text := strings.Replace(base, "api_key: literal-key", strings.Replace(key, "project: acme\n", "url: https://x\n", 1)+value, 1)
			_, err := parseSecret(text)
			if err != nil && shows(err.Error(), keyMark) != "" {
				t.Errorf("%s\nfor\n%s", err, text)
			}
		}
	}
}

func TestSecretsAreNotShownByProblemsOfWhatReferencesStandFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new string }{
		{"[localhost:9092]", "['${KEY}']"},
		{"group: crm-sync", "group: crm-sync\n  instance_id: '/${KEY}'"},
		{"group: crm-sync", "group: crm-sync\n  session_timeout: ${KEY}"},
		{"group: crm-sync", "group: crm-sync\n  start: ${KEY}"},
		{"group: crm-sync", "group: crm-sync\n  tls: {ca: '${KEY}'}"},
		{"project: acme", "project: acme\n  url: ${KEY}"},
		{"group: crm-sync", "group: crm-sync\n  schema_registry: {url: '${KEY}'}"},
		{"group: crm-sync", "group: crm-sync\n  schema_registry: {url: 'https://u:" + keyMark + "@registry'}"},
		{"group: crm-sync", "group: crm-sync\n  schema_registry: {url: 'https://registry', user: 'u:${KEY}', password: p}"},
		{"group: crm-sync", "group: crm-sync\n  schema_registry: {url: 'http://registry', user: u, password: '${KEY}'}"},
		{"project: acme", "project: acme\n  url: 'https://u:${KEY}@api.example.com/v1'"},
		{"project: acme", "project: acme\n  url: 'https://u:" + keyMark + "@api.example.com/v1'"},
		{"[localhost:9092]", "['u:" + keyMark + "@localhost']"},
		{"[shop.contacts]", "['/${KEY}']"},
		{"[shop.contacts]", "{regex: '(${KEY}'}"},
		{"envelope: debezium", "envelope: ${KEY}"},
		{"{field: crm_id}", "{field: '.${KEY}'}"},
		{"{email: email}", "{email: '.${KEY}'}"},
		{"{email: email}", "{a: a}\n    batch: {size: '${KEY}'}"},
		{"{email: email}", "{a: a}\n    on_delete: ${KEY}"},
		{"{email: email}", "{a: a}\nlimits: {memory: '${KEY}', lane_share: '${KEY}'}"},
		{"{email: email}", "{a: a}\ndead_letter: {topic: '/${KEY}', create: '${KEY}'}"},
		{"{email: email}", "{a: a}\nadmin: {listen: '${KEY}'}"},
	} {
		text := edit(t, c.old, c.new)
		_, err := parseSecret(text)
		if err == nil {
			t.Errorf("not refused: %s", text)
			continue
		}
		// A file's name is what its error is about: it is no secret where files are named.
		if !strings.Contains(c.new, "ca:") && shows(err.Error(), keyMark) != "" {
			t.Errorf("%s\nfor\n%s", err, text)
		}
	}
}

func TestSecretFieldsAreOfTheTypeThatHides(t *testing.T) {
	t.Parallel()
	keys := make(map[string]reflect.Type)
	typeKeys(reflect.TypeFor[Config](), "", keys)
	found := 0
	for path, typ := range keys {
		isSecret := newReference().row(path).form == formSecret
		if isSecret != (typ == reflect.TypeFor[Secret]()) {
			t.Errorf("%s is a %v and %q in the reference", path, typ, newReference().row(path).form)
		}
		if isSecret {
			found++
		}
	}
	if found != 3 {
		t.Errorf("%d secrets", found)
	}
}

func TestSecretsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	const want = "this is no reference to a variable: write ${NAME}; a text that really begins so can come from ${file:PATH}"
	problems(t, edit(t, "literal-key", "$AMPERSAND_API_KEY"), "c.yaml:5:12: ampersand.api_key: "+want)
	problems(t, edit(t, "project: acme", "project: $PROJECT"), "c.yaml:6:12: ampersand.project: "+want)
	_, err := Parse("c.yaml", []byte(edit(t, "literal-key", "${EMPTY}")), func(string) (string, bool) { return "", true }, noFiles)
	if err == nil || err.Error() != `c.yaml:5:12: ampersand.api_key: what "${EMPTY}" stands for is empty; expected a secret` {
		t.Error(err)
	}
	c := mustParse(t, edit(t, "literal-key", "$ecret"))
	if c.Ampersand.APIKey.Reveal() != "$ecret" {
		t.Error("changed")
	}
}

// What Redacted writes reads back as the same configuration, secrets apart.
func TestRedactedReadsBack(t *testing.T) {
	t.Parallel()
	all, _ := switched(readExample(t))
	for _, text := range []string{base, all, strings.Replace(base, "{email: email}", "{a: {value: '$${X} ${Y'}}", 1)} {
		text = strings.ReplaceAll(text, "${Y", "$${Y")
		c, err := Parse("c", []byte(text), exampleEnv, exampleReadFile)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("c", []byte(c.Redacted()), exampleEnv, exampleReadFile)
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Redacted())
		}
		if again.Redacted() != c.Redacted() {
			t.Errorf("got\n%s\nwant\n%s", again.Redacted(), c.Redacted())
		}
	}
}
