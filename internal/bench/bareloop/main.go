// Command bareloop is what the program is measured against: poll, decode six fields, POST a
// hundred, mark and commit. It does nothing that makes delivery right.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// event is six fields of a row.
type event struct {
	After struct {
		CRMID     json.RawMessage `json:"crm_id"`
		Email     json.RawMessage `json:"email"`
		FirstName json.RawMessage `json:"first_name"`
		LastName  json.RawMessage `json:"last_name"`
		Phone     json.RawMessage `json:"phone"`
		City      json.RawMessage `json:"city"`
	} `json:"after"`
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(broker, topic, url, count string) error {
	left, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumerGroup("bare-"+topic),
		kgo.AutoCommitMarks(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	var body bytes.Buffer
	var batch []*kgo.Record
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for iter := fetches.RecordIter(); !iter.Done(); {
			r := iter.Next()
			var e event
			if err := json.Unmarshal(r.Value, &e); err != nil {
				return err
			}
			if len(batch) == 0 {
				body.Reset()
				body.WriteString(`{"groupRef":"acme","type":"update","batch":[`)
			} else {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"record":{"id":%s,"email":%s,"firstname":%s,"lastname":%s,"phone":%s,"city":%s}}`,
				e.After.CRMID, e.After.Email, e.After.FirstName, e.After.LastName, e.After.Phone, e.After.City)
			if batch = append(batch, r); len(batch) == 100 || len(batch) == left {
				if err := post(url, &body); err != nil {
					return err
				}
				client.MarkCommitRecords(batch...)
				if err := client.CommitMarkedOffsets(ctx); err != nil {
					return err
				}
				left -= len(batch)
				batch = batch[:0]
			}
		}
	}
	return nil
}

func post(url string, body *bytes.Buffer) error {
	body.WriteString("]}")
	resp, err := http.Post(url+"/projects/p/integrations/crm/objects/contact", "application/json", body) //nolint:forbidigo // the bare loop is bare
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
