package ampersand

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// collateral has the codes of those that failed because others did: they are
// never rejected for it.
func collateral() (rows []outcomeRow) {
	const rolledBack = `{"success":false,"errors":[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"rolled back"}]}`
	const halted = `{"success":false,"errors":[{"statusCode":"PROCESSING_HALTED"}]}`
	const unprocessed = `{"success":false,"errors":["record was not processed due to other records failures"]}`
	const wordless = `{"success":false,"errors":[{},"record's referenceId is ref2"]}`
	const bare = `{"success":false}`
	const guilty = `{"success":false,"errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":"bad"}]}`
	const locked = `{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"bad"}]}`
	const spent = `{"success":false,"errors":[{"statusCode":"REQUEST_LIMIT_EXCEEDED","message":"bad"}]}`
	answer := func(entries ...string) said {
		return body(`"successCount":0,"failureCount":` + fmt.Sprint(len(entries)) + `,"results":[` + strings.Join(entries, ",") + `]`).as(422)
	}
	for _, typ := range [...]model.Type{c, u} {
		rows = append(rows,
			outcomeRow{row: "code, collateral/a culprit is named", typ: typ, n: 3, said: answer(rolledBack, guilty, halted),
				want: "retry innocent, rejected INVALID_EMAIL_ADDRESS, retry innocent"},
			outcomeRow{row: "code, collateral/a culprit is named, the others have no code", typ: typ, n: 3, said: answer(unprocessed, guilty, bare),
				want: "retry innocent, rejected INVALID_EMAIL_ADDRESS, retry innocent"},
			outcomeRow{row: "code, collateral/a culprit is named, the others have empty errors", typ: typ, n: 3, said: answer(wordless, guilty, wordless),
				want: "retry innocent, rejected INVALID_EMAIL_ADDRESS, retry innocent"},
			outcomeRow{row: "code, collateral/a lock is the culprit", typ: typ, n: 3, said: answer(rolledBack, locked, rolledBack),
				want: "retry innocent, retry alone, retry innocent"},
			outcomeRow{row: "code, collateral/a spent quota is the culprit", typ: typ, n: 3, said: answer(rolledBack, spent, rolledBack),
				want: "retry lane x3", hold: model.ScopeDestination, code: "REQUEST_LIMIT_EXCEEDED"},
			outcomeRow{row: "code, collateral/nobody is named", typ: typ, n: 3, said: answer(rolledBack, rolledBack, rolledBack), want: "retry halved x3", code: CodeNobodyNamed},
			outcomeRow{row: "code, collateral/nobody is named, no reasons", typ: typ, n: 3, said: answer(bare, wordless, unprocessed), want: "retry halved x3", code: CodeNobodyNamed},
			outcomeRow{row: "code, collateral/one reason copied onto all names nobody", typ: typ, n: 3, said: answer(guilty, guilty, guilty),
				want: "retry halved x3", code: "INVALID_EMAIL_ADDRESS"},
			outcomeRow{row: "code, collateral/a lock on all of them", typ: typ, n: 3, said: answer(locked, locked, locked), want: "retry alone x3"},
			outcomeRow{row: "code, collateral/collateral, alone", typ: typ, n: 1, said: answer(rolledBack), want: "retry lane"},
			outcomeRow{row: "code, collateral/no reason, alone", typ: typ, n: 1, said: answer(bare), want: "rejected rejected"},
			outcomeRow{row: "code, collateral/no reason of its own, alone", typ: typ, n: 1,
				said: body(`"successCount":0,"failureCount":1,"results":[` + wordless + `],"errors":[{"category":"INVALID_OPTION"}]`).as(200), want: "rejected INVALID_OPTION"},
			outcomeRow{row: "code, collateral/collateral with the cause quoted, alone", typ: typ, n: 1,
				said: answer(`{"success":false,"errors":["record was not processed due to other records failures: error REQUIRED_FIELD_MISSING: At least 1"]}`),
				want: "rejected REQUIRED_FIELD_MISSING"},
			outcomeRow{row: "code, collateral/partial although allOrNone", typ: typ, n: 3,
				said: body(`"successCount":1,"failureCount":2,"results":[{"success":true,"recordId":"10"},` + guilty + `,` + bare + `]`).as(422),
				want: "written 10, rejected INVALID_EMAIL_ADDRESS, retry innocent"},
			outcomeRow{row: "code, collateral/the whole batch, the API is overloaded", typ: typ, n: 3,
				said: body(`"successCount":0,"failureCount":3,"errors":[{"errorCode":"SERVER_UNAVAILABLE"}]`).as(422), want: "retry lane x3", code: "SERVER_UNAVAILABLE"},
			outcomeRow{row: "code, collateral/the whole batch, a lock", typ: typ, n: 3,
				said: body(`"successCount":0,"failureCount":3,"errors":[{"errorCode":"UNABLE_TO_LOCK_ROW"}]`).as(422), want: "retry halved x3", code: "UNABLE_TO_LOCK_ROW"},
			outcomeRow{row: "code, collateral/the whole batch, a spent quota", typ: typ, n: 3,
				said: body(`"successCount":0,"failureCount":3,"errors":[{"errorCode":"REQUEST_LIMIT_EXCEEDED"}]`).as(422), want: "retry lane x3",
				hold: model.ScopeDestination, code: "REQUEST_LIMIT_EXCEEDED"},
		)
	}
	return rows
}

// TestHalvingFindsTheGuilty follows the outcomes as a lane would, against an API
// that fails whole batches and names nobody: the innocent are written, the guilty
// rejected, within the promised number of requests.
func TestHalvingFindsTheGuilty(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		n := 1 + random.IntN(100)
		guilty := map[int]bool{}
		for range random.IntN(min(n, 5) + 1) {
			guilty[random.IntN(n)] = true
		}
		all := request(u, n)
		index := map[*model.Write]int{}
		for i, w := range all.Writes {
			index[w] = i
		}
		requests, written, rejected := 0, 0, 0
		var send func(ws []*model.Write)
		send = func(ws []*model.Write) {
			requests++
			r := &Request{Type: u, Writes: ws}
			a := answer{status: 200, sent: true, json: true}
			a.reply.succeeded, a.reply.failed = len(ws), 0
			for _, w := range ws {
				if guilty[index[w]] {
					a.reply.succeeded, a.reply.failed = 0, len(ws)
				}
			}
			out := classify(r, &a).Outcomes
			switch o := out[0]; {
			case o.Kind == model.Accepted:
				written += len(ws)
			case o.Kind == model.Rejected:
				rejected += len(ws)
			case o.Again == model.Halved:
				send(ws[:len(ws)/2])
				send(ws[len(ws)/2:])
			default:
				t.Fatalf("%s of %d", show(o), len(ws))
			}
		}
		send(all.Writes)
		k := len(guilty)
		log := 0
		for 1<<log < n {
			log++
		}
		if written != n-k || rejected != k || requests > 2*k*log+1 {
			t.Fatalf("n %d, guilty %d: written %d, rejected %d, %d requests, at most %d", n, k, written, rejected, requests, 2*k*log+1)
		}
	}
}
