// Package book is what registries and process groups have in common: a book of
// which actors stand under which keys, from which an actor's entries are struck
// at its end, before any link or monitor hears of it.
//
// It is a hash table of its own and not a sync.Map. Among a million keys of actors that
// live, which are cold in the cache, a look-up takes 0.4 µs and not 0.7, because an entry
// is its own node: the key, the actor and the value are found together. An entry is on
// two lists, its key's and its holder's, so that to strike an actor out takes no search;
// with a map for each of the two, a key would take more memory. And the table shrinks as
// it empties. docs/benchmarks.md has the figures.
package book
