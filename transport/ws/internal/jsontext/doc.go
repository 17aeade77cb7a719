// Package jsontext reads and writes JSON as text, for those that know that it is valid:
// where a value ends, without decoding it, what an object has, and what a string looks like. Package
// encoding/json has no functions for either.
package jsontext
