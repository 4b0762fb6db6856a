// Package ampersand turns one batch into one request to the write API, and one
// answer into one outcome per write; and one search into one request to the search
// API, and its answer into matches.
//
// What it promises:
//
//   - A write is Accepted only when the answer says so of that write, or of all
//     writes of its batch. What cannot be read, does not add up or was never
//     heard of is not written.
//   - A create that may have been applied is Unknown, never Retry: the API has no
//     idempotency key. A request whose body did not begin to leave is Retry.
//     Updates and deletes may be sent twice without harm, so they are never
//     Unknown: where nothing certain is known of them they are Retry.
//   - What fails for everyone (key, quota, object, outage) is a Hold with its
//     scope and never Rejected; an answer that blames a batch without naming the
//     guilty rejects nobody.
//   - A search has found nothing only when its whole answer says so: an empty list,
//     and no reason beside it. Everything else is to be asked again, or is refused
//     for good with the reason.
//   - The release check of a request stands directly before the first byte of its
//     body, also when the transport tries again on another connection.
//   - The API key appears in no code, no message and no id, also when a server
//     echoes it.
//
// Every answer is classified once, here: status rows and code rows are the two
// tables of classify.go and codes.go; all others ask predicates.
package ampersand
