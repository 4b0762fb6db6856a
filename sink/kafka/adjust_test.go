package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

// Before the first fetch, what was committed is compared with what the log holds: [4, 10).
func TestAPositionOutsideOfTheLogIsNeverPassedOverInSilence(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t, kfake.SeedTopics(1, "orders"))
	client := broker.Client(t)
	for range 10 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	admin := kadm.NewClient(client)
	var cut kadm.Offsets
	cut.AddOffset("orders", 0, 4, -1)
	if _, err := admin.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		policy config.OnLostOffset
		at     int64
		to     int64 // -1: it stops
		lost   bool
	}{
		{config.LostStop, 4, 4, false}, {config.LostStop, 7, 7, false}, {config.LostStop, 10, 10, false},
		{config.LostStop, 3, -1, true}, {config.LostStop, 11, -1, true},
		{config.LostEarliest, 3, 4, true}, {config.LostEarliest, 11, 4, true},
		{config.LostLatest, 3, 10, true}, {config.LostLatest, 11, 10, true},
		{config.LostEarliest, 7, 7, false}, {config.LostLatest, 4, 4, false},
	} {
		t.Run(fmt.Sprintf("%s at %d", c.policy, c.at), func(t *testing.T) {
			g := &revocable{}
			faults := 0
			x := &Client{admin: admin, ready: begun(), options: Options{
				Config: config.Kafka{OnLostOffset: c.policy}, Log: zerolog.Nop(), Group: g, Fault: func(error) { faults++ },
			}}
			got, err := x.adjust(t.Context(), map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(c.at)}})
			if c.to < 0 {
				if err == nil || faults != 1 || len(g.told) != 0 {
					t.Fatalf("it goes on: %v, %d faults, told %q", err, faults, g.told)
				}
				return
			}
			if err != nil || faults != 0 {
				t.Fatalf("it stops: %v", err)
			}
			if at := got["orders"][0].EpochOffset().Offset; at != c.to {
				t.Errorf("it goes on at %d, expected %d", at, c.to)
			}
			var want []string
			if c.lost { // the tracker begins anew, without the metadata of the lost offset
				want = []string{fmt.Sprintf("positioned {orders 0} %d ", c.to)}
			}
			if !slices.Equal(g.told, want) {
				t.Errorf("told %q, expected %q", g.told, want)
			}
		})
	}
}
