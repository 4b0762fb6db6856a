package main

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestValidateConnectSaysOfEachWhetherItCanBeUsed(t *testing.T) {
	t.Parallel()
	_, api := newCRM(t)
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, "shop.customers", 1, nil)
	good := running(t, k.Brokers()[0], api, "")
	code, stdout, stderr := call("validate", "--connect", "--config", good)
	if code != exitDone || stderr != "" || strings.Contains(stdout, "FAILED") {
		t.Errorf("exits with %d, prints\n%s\nand says %q", code, stdout, stderr)
	}
	for _, want := range []string{good + ": can run: 1 route\n", "  ok      topic shop.customers", "  ok      API key for project acme is accepted\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("does not print %q:\n%s", want, stdout)
		}
	}
	if k.HasTopic(t, "shop.customers.dead") {
		t.Error("a check has made a topic")
	}
}

func TestValidateConnectSaysWhatFailsAndExitsWithOne(t *testing.T) {
	t.Parallel()
	dead := kafkatest.DeadAddress(t)
	config := running(t, dead, nowhere, "")
	code, stdout, stderr := call("validate", "--connect", "--config", config)
	if code != exitFault || !strings.Contains(stderr, "2 of the checks failed") {
		t.Errorf("exits with %d and says %q", code, stderr)
	}
	var failed []string
	for l := range strings.Lines(stdout) {
		if strings.HasPrefix(l, "  FAILED  ") {
			failed = append(failed, l)
		}
	}
	if len(failed) != 2 || !strings.Contains(failed[0], dead) || !strings.Contains(failed[1], nowhere+" does not answer") {
		t.Errorf("prints\n%s", stdout)
	}
}

// run ends with 1 for it, too: the configuration can run once the topic is there.
func TestValidateConnectExitsWithOneForAMissingTopic(t *testing.T) {
	t.Parallel()
	_, api := newCRM(t)
	k := kafkatest.NewFake(t)
	code, stdout, _ := call("validate", "--connect", "--config", running(t, k.Brokers()[0], api, ""))
	if code != exitFault || !strings.Contains(stdout, "  FAILED  topic shop.customers") {
		t.Errorf("exits with %d, prints\n%s", code, stdout)
	}
}
