// Package book is what registries and process groups have in common: a book of
// which actors stand under which keys, from which an actor's entries are struck
// at its end, before any link or monitor hears of it.
package book
