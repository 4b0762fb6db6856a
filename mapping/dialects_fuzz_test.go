package mapping

import (
	"encoding/base64"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// dialectRoutes is a topic that is routed by every reader there is, alone and in a CloudEvent.
func dialectRoutes() []config.Route {
	var routes []config.Route
	for i, envelope := range config.Envelopes() {
		for _, unwrap := range []config.Unwrap{config.UnwrapNone, config.UnwrapCloudEvents} {
			r := routed(envelope, changedOnly, fields("a", "a", "email", "email", "deep", "a.b.c", "row", "id", "x", "name"))
			r.Name, r.Unwrap = string(envelope)+" "+string(unwrap), unwrap
			r.Fields = append(r.Fields, config.Field{To: "sum", Expr: "row?.a"})
			r.OnTruncate = []config.OnTruncate{config.TruncateStop, config.TruncateIgnore, config.TruncateDeadLetter}[i%3]
			r.OnKeyChange = []config.OnKeyChange{config.KeyChangeMove, config.KeyChangeRecreate, config.KeyChangeDeadLetter}[i%3]
			r.OnTombstone = config.ActionDelete
			if i%2 == 0 {
				r.ID.Field, r.Key = "id", []string{"id"}
			}
			routes = append(routes, r)
		}
	}
	return routes
}

// FuzzReaders maps hostile records through every reader: each route has its answer, and what
// is sent is JSON.
func FuzzReaders(f *testing.F) {
	for _, name := range []string{"maxwell", "canal", "sequin", "dms", "cockroach", "mongodb", "cloudevents", "connect"} {
		for _, one := range fixtures(f, name) {
			header, content := "__op", "c"
			if len(one.Headers) > 1 {
				header, content = one.Headers[0], one.Headers[1]
			}
			f.Add([]byte(one.keyText()), []byte(one.valueText()), header, []byte(content))
		}
	}
	for _, value := range []string{`{"type":"UPDATE","data":[{},{"id":1}],"old":[null,{"id":2}],"pkNames":["id","id"]}`, `{"type":"INSERT","data":[[]],"pkNames":"id"}`,
		`{"op":"u","after":"{\"a\":{\"$date\":1}}","before":"{}","source":{"connector":"mongodb"}}`, `{"specversion":"1.0","data_base64":"e30="}`,
		`{"op":"u","source":{"connector":"mongodb"},"updateDescription":{"updatedFields":"{\"a.b\":1}","removedFields":["x"],"truncatedArrays":[{"field":"t"}]}}`,
		`"{\"id\":1}"`, `{"after":{},"before":{},"__crdb__":{}}`, `{"metadata":{"operation":"update"},"data":{},"before-image":{}}`} {
		f.Add([]byte(testKey), []byte(value), headerOldKey, []byte(testKey))
		f.Add([]byte(`{"id":"{\"$oid\":\"5\"}"}`), []byte(value), headerNewKey, []byte(`{`))
	}
	routes := dialectRoutes()
	m, err := New(routes, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value []byte, header string, content []byte) {
		r := &model.Record{TopicPartition: model.TopicPartition{Topic: testTopic}, Key: key, Value: value, Headers: []model.Header{{Key: header, Value: content}}}
		if string(key) == null {
			r.Key = nil
		}
		if string(value) == null {
			r.Value = nil
		}
		m := m.Clone()
		for range 2 { // the second time in what the first one left
			answered := make(map[string]bool)
			for _, it := range m.Map(r, nil) {
				answered[it.Route] = true
				checkItem(t, r, it)
				if it.Fate.Kind == model.Stopped {
					checkReason(t, it.Fate.Reason)
				}
				if w := it.Write; w != nil && w.Type != model.Delete && (w.Fields == "" || !jsontext.Value("{"+w.Fields+"}").IsValid()) {
					t.Fatalf("%s: fields %q of %q", it.Route, w.Fields, value)
				}
			}
			if len(answered) != len(routes) {
				t.Fatalf("%d of %d routes have an answer", len(answered), len(routes))
			}
		}
	})
}

// What a reader makes of a record costs a small multiple of it, and stays no longer than the
// record.
func TestReadersAreBounded(t *testing.T) {
	const many = 1 << 18
	mongo := func(document string) string {
		return `{"op":"c","source":{"connector":"mongodb"},"after":"` + document + `"}`
	}
	for name, c := range map[string]struct {
		envelope config.Envelope
		value    string
	}{
		"rows of Canal":      {config.EnvelopeCanal, `{"type":"INSERT","pkNames":["id"],"data":[` + strings.Repeat(`{"id":"1","email":"x"},`, maxMembers/2) + `{"id":"1","email":"x"}]}`},
		"a wide row":         {config.EnvelopeMaxwell, `{"type":"insert","data":{` + strings.Repeat(`"":0,`, many) + `"email":1}}`},
		"dates of MongoDB":   {config.EnvelopeDebezium, mongo(`{\"email\":[` + strings.Repeat(`{\"$date\":0},`, many) + `0]}`)},
		"escapes of MongoDB": {config.EnvelopeDebezium, mongo(`{\"email\":\"` + strings.Repeat(`\\u0041`, many) + `\"}`)},
		"base64":             {config.EnvelopePlain, `{"specversion":"1.0","data_base64":"` + base64.StdEncoding.EncodeToString([]byte(`{"email":"`+strings.Repeat("x", 4*many)+`"}`)) + `"}`},
	} {
		route := routed(c.envelope)
		if name == "base64" {
			route.Unwrap = config.UnwrapCloudEvents
		}
		m := mustNew(t, []config.Route{route})
		r := record(testKey, c.value)
		var before, mapped, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		items := m.Map(r, nil)
		runtime.ReadMemStats(&mapped)
		count := len(items)
		// Each row of Canal is a write of its own, with its struct.
		if took, size := int64(mapped.TotalAlloc-before.TotalAlloc), int64(len(c.value)); took > 20*size+int64(count)*2304 {
			t.Errorf("%s: %d bytes allocated for a record of %d: %.80s", name, took, size, showAll(items[:1]))
		}
		clear(items)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 8<<20 {
			t.Errorf("%s: %d bytes stay", name, kept)
		}
		runtime.KeepAlive(m)
	}
}
