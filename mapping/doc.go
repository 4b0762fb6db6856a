// Package mapping turns a Kafka record into writes: bytes to change (formats,
// CDC envelopes), change to writes (routes, keys, ids, fields). It promises:
//
//   - Every record gets an answer. Each route that takes a record's topic yields
//     one item per row of it: a write, or a final fate with the rule that skips it
//     or the reason that refuses it. A topic that nobody routes is answered too,
//     and a mapped column that a row lacks is left out and counted. Nothing is
//     dropped in silence.
//   - What is emitted is valid JSON with unique names, and says what the record
//     said: numbers are copied byte for byte, so integers above 2^53 and decimals
//     stay exact. A record that is not valid JSON from end to end, or not what its schema
//     says, yields no write.
//   - Nothing is guessed. The before image of a delete proves its key and no
//     more, unless the route declares it full; a TOAST placeholder is never sent as
//     a value; a record whose key, id, group or operation cannot be told is
//     refused.
//   - Whatever the bytes are, mapping neither panics nor takes more memory than a
//     small multiple of the record.
//   - What was written with a schema of a registry is read with that schema and no
//     other. Mapping asks for schemas and never waits: a record whose schema is not
//     known yet is given back (Awaits).
//
// The path of a record: its value is decoded into a document (scan.go; JSON text
// with an index of its members, which is what every format decodes to: format.go), a
// reader turns the document into changes (one reader per envelope, dialects.go), and each
// route turns each change into an item (route.go, draft.go, emit.go; late.go where the ledger or
// a search has to say which CRM record it is). A reader whose rows
// are inside of text makes a document of that text, which its changes then speak of. Adding a
// dialect of CDC is adding a reader: CONTRIBUTING.md says how.
package mapping
