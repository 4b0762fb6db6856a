package registry

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/ampersink/ampersink/internal/model"
)

// A schema that was registered just now may not have reached the node that is asked.
func TestASchemaIsMissingWhenItIsStillSoAMomentLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := srfake.NewRegistry()
		c, requests := newClient(t, fake.Handler())
		began := time.Now()
		go func() {
			time.Sleep(confirmAfter / 2)
			fake.SeedSchema("s", 1, 1, sr.Schema{Schema: rowAvro})
		}()
		if _, state := mustFetch(t, c, number(1)); state != model.SchemaKnown || requests.n.Load() != 2 {
			t.Errorf("%v after %d requests", state, requests.n.Load())
		}
		if took := time.Since(began); took != confirmAfter {
			t.Errorf("asked again after %s", took)
		}
		if _, state := mustFetch(t, c, number(2)); state != model.SchemaMissing || requests.n.Load() != 4 {
			t.Errorf("%v after %d requests", state, requests.n.Load())
		}
	})
}

// A topic that is not what its route says has another id in each record: they do not
// take a second each.
func TestManyMissingIDsAreBelievedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, requests := newClient(t, srfake.NewRegistry().Handler())
		began := time.Now()
		for n := range uint32(1000) {
			mustFetch(t, c, number(n))
		}
		if took, n := time.Since(began), requests.n.Load(); took != maxDoubts*confirmAfter || n != 1000+maxDoubts {
			t.Errorf("%d requests in %s", n, took)
		}
		time.Sleep(time.Minute)
		began = time.Now()
		mustFetch(t, c, number(2000))
		if time.Since(began) != confirmAfter {
			t.Error("a minute later one alone is not confirmed")
		}
	})
}

func TestAMissingSchemaIsAskedForAgainAfterAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := srfake.NewRegistry()
		c, _ := newClient(t, fake.Handler())
		mustFetch(t, c, number(1))
		time.Sleep(forgetMissing - time.Second)
		if _, state := c.Schema(number(1)); state != model.SchemaMissing {
			t.Errorf("%v within a minute", state)
		}
		time.Sleep(time.Second)
		if _, state := c.Schema(number(1)); state != model.SchemaAwaited {
			t.Errorf("%v after a minute", state)
		}
		fake.SeedSchema("s", 1, 1, sr.Schema{Schema: rowAvro})
		if _, state := mustFetch(t, c, number(1)); state != model.SchemaKnown {
			t.Errorf("%v although it is registered", state)
		}
	})
}

var _ http.RoundTripper = (*inProcess)(nil)
