// Package registry knows the schemas of a schema registry that speaks Confluent's
// API. It promises:
//
//   - Asking what is known never waits. A schema that is known stays so, as long as
//     all of them fit their bound.
//   - A registry that cannot be asked is told apart from a schema that is not there:
//     the first is nobody's fault, the second the record's. An address that
//     answers 404 to everything is no registry, and a schema that was registered
//     just now may not have reached every node of one, so nothing is missing at the
//     first word.
//   - An answer is bounded in time and in bytes. Credentials go to the address that
//     they are for and nowhere else: redirects are not followed.
package registry
