// Package captures hands tests what a real Debezium wrote of a real database: the
// records, the routes that send every column of every table, and the database's final
// rows to compare with. It promises that a difference is either on the list of named
// exceptions or said, and that an exception which does not differ is said too.
//
// The files are in mapping/testdata/captures, where their README tells their origin.
package captures
