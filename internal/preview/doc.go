// Package preview shows what records would become, without sending anything. It
// promises:
//
//   - It is the real thing: records are mapped by the mapper that run uses, put into
//     batches by its scheduler, and encoded by its client. Nothing of it is
//     imitated, and nothing can be sent: the client has no transport.
//   - Nothing is changed: no group is joined, no offset committed, no topic created. A schema
//     registry is asked for the schemas of what was read, and has to answer.
//   - Every record that was read is in the document once for each route that takes
//     it, as a write of a request or with the fate that it has without one.
//   - Numbers are those of the row, digit by digit. A secret is in no document, and
//     nothing of a row reaches the terminal as more than text.
//
// The path: Select narrows the configuration to what is asked for, Make reads
// the records (topics or a capture) and makes the Document, and the document is
// written as a table for people or as JSON.
package preview
