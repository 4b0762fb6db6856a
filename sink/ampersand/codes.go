package ampersand

import "github.com/ampersink/ampersink/internal/model"

// The codes of answers and outcomes that are the program's own. They are lower
// case; the CRM's own codes, upper case, stand beside them in outcomes. The set
// is closed: nothing else in lower case is ever handed out.
const (
	// CodeNotReleased: the release check refused, nothing was sent.
	CodeNotReleased = "not_released"
	// CodeCancelled: the caller cancelled; the message is the cause.
	CodeCancelled = "cancelled"
	// CodeUnreachable: no connection (refused, DNS, TLS); nothing was sent.
	CodeUnreachable = "unreachable"
	// CodeTimeout: sent, and no whole answer came in time.
	CodeTimeout = "timeout"
	// CodeNoAnswer: sent, and the connection ended before an answer.
	CodeNoAnswer = "no_answer"
	// CodeUnreadable: the answer is cut, too large, or no JSON (a gateway's page).
	CodeUnreadable = "unreadable"
	// CodeUnknownAnswer: a status or a shape that the contract does not have.
	CodeUnknownAnswer = "unknown_answer"
	// CodeCountsDisagree: the counts contradict the batch or the entries.
	CodeCountsDisagree = "counts_disagree"
	// CodeUnmatched: some were written and some not, and nothing says which.
	CodeUnmatched = "unmatched"
	// CodeNobodyNamed: writes failed and no guilty one was named.
	CodeNobodyNamed = "nobody_named"
	// CodeRolledBack: failed because others of its batch did.
	CodeRolledBack = "rolled_back"
	// CodeRejected: the CRM refused the record without a code.
	CodeRejected = "rejected"
	// CodeBadRequest: the API refused the request (400) without a code.
	CodeBadRequest = "bad_request"
	// CodeTooLarge: one write alone is larger than the API takes (413).
	CodeTooLarge = "too_large"
	// CodeNotRetryable: the API failed and says that trying again is of no use.
	CodeNotRetryable = "not_retryable"
	// CodeUnsearchable: a value that no search can find; nothing was sent.
	CodeUnsearchable = "unsearchable"
	// CodeAstray: a search found a record that has not what was searched for.
	CodeAstray = "astray_match"
	// CodeUnauthorized: the API key was refused (401).
	CodeUnauthorized = "unauthorized"
	// CodeForbidden: the API key may not do this (403).
	CodeForbidden = "forbidden"
	// CodeInstallation: the tenant's installation or its token was refused.
	CodeInstallation = "installation"
	// CodeMissing: the project, integration, installation or object is not there.
	CodeMissing = "missing"
	// CodeQuota: a quota is spent; waiting for the next period helps, backoff does not.
	CodeQuota = "quota"
	// CodeThrottled: too many requests for now.
	CodeThrottled = "throttled"
	// CodeUnavailable: the API or the CRM behind it is down or overloaded.
	CodeUnavailable = "unavailable"
)

// What a message can say without a code: the record is not there, or one that it
// collides with is.
const (
	codeNotFound = "NOT_FOUND"
	codeConflict = "CONFLICT"
)

// class is what a code means. A higher class wins over a lower one within the
// errors of one write: a lock inside a trigger's failure is a lock, and a spent
// quota is nobody's fault whatever else is said.
type class uint8

const (
	unclassed  class = iota
	vague            // refused, and a more precise code may stand beside it
	refused          // the record's own fault, or of all of its lane: the flood guard tells
	gone             // there is no such record
	conflict         // the record collides with an existing one
	locked           // transient, and depends on the neighbours
	overloaded       // transient, whatever is sent
	throttled        // too many requests
	held             // the tenant's quota is spent or its token revoked
)

// classOf is the code table: the CRM's code, in upper case, to its class.
func classOf(code string) class {
	switch code {
	case "REQUEST_LIMIT_EXCEEDED", "API_DISABLED_FOR_ORG", "INVALID_GRANT", "INVALID_SESSION_ID":
		return held
	case "RATE_LIMIT", "RATE_LIMITS", "TOO_MANY_REQUESTS", "429":
		return throttled
	case "SERVER_UNAVAILABLE":
		return overloaded
	case "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG":
		return locked
	case "DUPLICATE_VALUE", "DUPLICATES_DETECTED", codeConflict:
		return conflict
	case "ENTITY_IS_DELETED", codeNotFound, "OBJECT_NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY":
		return gone
	case "INVALID_FIELD", "INVALID_TYPE", "PROPERTY_DOESNT_EXIST", "INSUFFICIENT_ACCESS_OR_READONLY",
		"REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS", "INVALID_EMAIL",
		"INVALID_DATE", "INVALID_OPTION", "INVALID_INTEGER", "NUMBER_OUTSIDE_VALID_RANGE",
		"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "BAD_VALUE_FOR_RESTRICTED_PICKLIST",
		"FIELD_CUSTOM_VALIDATION_EXCEPTION", "FIELD_FILTER_VALIDATION_EXCEPTION", "FIELD_INTEGRITY_EXCEPTION":
		return refused
	case "VALIDATION_ERROR":
		return vague
	default:
		return unclassed
	}
}

// tokenCode reports whether a held code is about the tenant's token and not its
// quota: somebody must connect again.
func tokenCode(code string) bool {
	return code == "INVALID_GRANT" || code == "INVALID_SESSION_ID"
}

// collateralCode reports whether a code says only that others of the batch failed.
func collateralCode(code string) bool {
	return code == "ALL_OR_NONE_OPERATION_ROLLED_BACK" || code == "PROCESSING_HALTED"
}

// collateralPhrase is how the API says the same in words, in lower case.
const collateralPhrase = "not processed due to other records"

// effect is what a class does to the write that carries it.
type effect struct {
	kind  model.OutcomeKind
	again model.Again
	// whole is how the writes of a batch go again that failed as a whole with this
	// class and named nobody.
	whole model.Again
	hold  model.ScopeKind
}

// effectOf is the second half of the code table: class to outcome.
func effectOf(c class, t model.Type) effect {
	switch c {
	case held:
		// Quotas and tokens inside an answer are the tenant's CRM's, not the API's.
		return effect{kind: model.Retry, again: model.WithLane, whole: model.WithLane, hold: model.ScopeDestination}
	case throttled:
		return effect{kind: model.Retry, again: model.WithLane, whole: model.WithLane}
	case overloaded:
		// Halves would be twice the requests to a server that has too many.
		return effect{kind: model.Retry, again: model.Alone, whole: model.WithLane}
	case locked:
		// Smaller batches hold fewer rows for less time.
		return effect{kind: model.Retry, again: model.Alone, whole: model.Halved}
	case gone:
		if t == model.Delete {
			return effect{kind: model.Accepted}
		}
	}
	return effect{kind: model.Rejected, whole: model.Halved}
}
