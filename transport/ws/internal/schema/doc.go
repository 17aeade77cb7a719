// Package schema says what a Go type demands of JSON, and what is wrong with JSON that is
// not like it: in words for the author of the JSON, by the path of each field.
//
// A [Schema] is made from a type, once. It demands what json.Unmarshal does, and also
// that each field of a struct is there and is not null, unless the field is a pointer or
// is tagged omitempty or omitzero. What there is to look at is compared by its text, so
// that good JSON is decoded only once, and the explanation of bad JSON takes time and
// memory in proportion to the JSON, whatever an attacker puts into it.
package schema
