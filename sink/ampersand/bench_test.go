package ampersand

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// contact is about what a Debezium row of ten columns becomes.
const contact = `"email":"ann.example@example.com","firstname":"Ann","lastname":"Example","phone":"+49 30 1234567",` +
	`"company":"Example GmbH","city":"Berlin","street":"Musterstr. 12","zip":"10115","score":4711,"active":true`

func BenchmarkEncode(b *testing.B) {
	r := request(u, MaxWrites)
	for i, w := range r.Writes {
		w.ID, w.Fields = fmt.Sprint(171591000000+i), contact
	}
	cl := new(Client)
	b.SetBytes(int64(cl.Encode(r).Len()))
	b.ReportAllocs()
	for b.Loop() {
		cl.Encode(r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MaxWrites, "ns/write")
}

// BenchmarkAnswer is everything of Send but the network: request, parse, outcomes.
func BenchmarkAnswer(b *testing.B) {
	entries := func(entry string) string {
		var all []string
		for i := range MaxWrites {
			all = append(all, fmt.Sprintf(entry, 171591000000+i))
		}
		return strings.Join(all, ",")
	}
	for name, answer := range map[string]string{
		"ids":  `{"operationId":"acb0d75a","successCount":100,"failureCount":0,"results":[` + entries(`{"success":true,"recordId":"%d"}`) + `]}`,
		"data": `{"operationId":"acb0d75a","successCount":100,"failureCount":0,"results":[` + entries(`{"success":true,"recordId":"%d","data":{`+contact+`}}`) + `]}`,
		"rejected": `{"operationId":"acb0d75a","successCount":0,"failureCount":100,"results":[` +
			entries(`{"success":false,"errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":"Email: invalid email address: %d","fields":["Email"]}]}`) + `]}`,
	} {
		for _, typ := range [...]struct {
			name string
			r    *Request
		}{{"create", request(c, MaxWrites)}, {"update", request(u, MaxWrites)}} {
			for i, w := range typ.r.Writes {
				if typ.name == "update" {
					w.ID = fmt.Sprint(171591000000 + i)
				}
			}
			b.Run(name+"/"+typ.name, func(b *testing.B) {
				var body bytes.Reader
				rt := transport(func(r *http.Request) (*http.Response, error) {
					_, _ = io.Copy(io.Discard, r.Body)
					body.Reset([]byte(answer))
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(&body)}, nil
				})
				cl := client(b, "http://api.example", func(o *Options) { o.Transport = rt })
				encoded := cl.Encode(typ.r)
				b.SetBytes(int64(len(answer)))
				b.ReportAllocs()
				for b.Loop() {
					cl.Send(context.Background(), typ.r, encoded, nil)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MaxWrites, "ns/write")
			})
		}
	}
}
