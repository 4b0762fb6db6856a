// Package captures hands tests what a real Debezium wrote of two real databases, a PostgreSQL and a MariaDB: the
// records, the fields that send every column of every table, and a comparison with the
// database's final rows. It promises that a difference is either on the list of named
// exceptions or said, and that an exception which does not differ is said too. Mapping is held
// to it by the writes that it makes, the whole program by what is in the CRM at the end
// (internal/sim).
//
// The files are in mapping/testdata/captures, where their README tells their origin.
package captures
