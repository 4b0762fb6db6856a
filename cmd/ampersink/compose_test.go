package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// What docker-compose.yml's head walks through, with its configuration, and with what
// Debezium writes for its table.
func TestTheWalkOfTheComposeFileArrives(t *testing.T) {
	t.Parallel()
	const topic = "shop.public.customers"
	crm, api := newCRM(t)
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, topic, 4, nil)
	text, err := os.ReadFile("../../deploy/ampersink.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := file(t, "config.yaml", strings.NewReplacer(
		"kafka:19092", k.Brokers()[0], "http://sandbox:8090/v1", api+"/v1", `":8080"`, `""`,
	).Replace(string(text)))
	change := func(id int, op, before, after string) *kgo.Record {
		return &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, `{"id":%d}`, id),
			Value: fmt.Appendf(nil, `{"before":%s,"after":%s,"op":%q,"source":{"schema":"public","table":"customers"}}`, before, after, op)}
	}
	row := func(id int, email, last string) string {
		return fmt.Sprintf(`{"id":%d,"email":%q,"first_name":null,"last_name":%q,"company":null}`, id, email, last)
	}
	run := func(records ...*kgo.Record) {
		t.Helper()
		k.Produce(t, records...)
		var said strings.Builder
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: zerolog.SyncWriter(&said), env: func(string) (string, bool) { return "try-out", true }}
		if code := a.execute(t.Context(), []string{"run", "--until-end", "--config", config}); code != exitDone {
			t.Fatal(said.String())
		}
	}
	lastName := func(email string) string {
		for _, r := range crm.Records("hubspot", "shop", "contacts") {
			if string(r.Fields["email"]) == email {
				return string(r.Fields["lastname"])
			}
		}
		return ""
	}

	run(change(1, "r", "null", row(1, "grace@example.com", "Hopper")), change(2, "r", "null", row(2, "alan@example.com", "Turing")),
		change(3, "c", "null", row(3, "ada@example.com", "Lovelace")), change(3, "u", "null", row(3, "ada@example.com", "King")))
	if got := lastName(`"ada@example.com"`); got != `"King"` {
		t.Errorf("the row that was inserted and updated has the name %s", got)
	}
	run(change(3, "d", `{"id":3,"email":"","first_name":null,"last_name":null,"company":null}`, "null"),
		&kgo.Record{Topic: topic, Key: []byte(`{"id":3}`)}, change(1, "u", "null", row(1, "no address", "Hopper")))
	if n := len(crm.Records("hubspot", "shop", "contacts")); n != 2 || lastName(`"ada@example.com"`) != "" {
		t.Errorf("%d records are left, expected the two of the start", n)
	}

	dead := k.Client(t, kgo.ConsumeTopics(topic+".dead"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	letters := dead.PollFetches(context.WithoutCancel(t.Context())).Records()
	code := ""
	for _, l := range letters {
		for _, h := range l.Headers {
			if h.Key == "ampersink.code" {
				code += string(h.Value)
			}
		}
	}
	if code != "INVALID_EMAIL" {
		t.Errorf("%d dead letters say %q, expected INVALID_EMAIL", len(letters), code)
	}
}
