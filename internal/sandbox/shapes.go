package sandbox

import (
	"errors"
	"fmt"

	"github.com/ampersink/ampersink/internal/model"
)

// shape checks a decoded request against what the contract leaves unsaid: which
// members go together, and what each CRM takes.
func (q *request) shape(crm CRM) error {
	has := func(m members) bool { return q.has&m != 0 }
	switch {
	case !has(hasGroup) || q.group == "":
		return errors.New("groupRef is missing")
	case !has(hasType):
		return errors.New("type is missing")
	case has(hasRecord) && has(hasBatch):
		return errors.New("record and batch exclude each other")
	case !has(hasRecord) && !has(hasBatch):
		return errors.New("record or batch is missing")
	case has(hasBatch) && len(q.items) == 0:
		return errors.New("batch is empty")
	case has(hasBatch) && q.typ == model.Delete:
		return errors.New("a delete takes record, not batch")
	case has(hasBatchPolicy) && !has(hasBatch):
		return errors.New("batchPolicy needs batch")
	case has(hasAssociations) && has(hasBatch):
		return errors.New("associations stand beside record; in a batch they belong into its items")
	}
	if err := q.modeShape(has); err != nil {
		return err
	}
	if err := q.crmShape(crm, has); err != nil {
		return err
	}
	return q.idShape()
}

func (q *request) modeShape(has func(members) bool) error {
	switch {
	case q.async && q.typ == model.Delete:
		return errors.New("a delete is synchronous only")
	case has(hasRetryPolicy) && !q.async:
		return errors.New("retryPolicy needs mode asynchronous")
	case has(hasAutoBatchPolicy) && !q.async:
		return errors.New("autoBatchPolicy needs mode asynchronous")
	case has(hasAutoBatchPolicy) && has(hasBatch):
		return errors.New("autoBatchPolicy takes record, not batch")
	}
	return nil
}

func (q *request) crmShape(crm CRM, has func(members) bool) error {
	associations := has(hasAssociations | hasItemAssociations)
	switch {
	case associations && q.typ != model.Create:
		return fmt.Errorf("associations go with create, not with %s", q.typ)
	case associations && crm != HubSpot:
		return errors.New("associations are supported for HubSpot only")
	case has(hasHeaders) && crm != Salesforce:
		return errors.New("headers are supported for Salesforce only")
	}
	return nil
}

func (q *request) idShape() error {
	if q.typ == model.Create {
		return nil
	}
	for i := range q.items {
		if len(q.items[i].id) > 0 {
			continue
		}
		if q.has&hasBatch != 0 {
			return fmt.Errorf("batch[%d].record.id is missing, which %s needs", i, q.typ)
		}
		return fmt.Errorf("record.id is missing, which %s needs", q.typ)
	}
	return nil
}
