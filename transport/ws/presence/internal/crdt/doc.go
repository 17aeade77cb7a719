// Package crdt is the list of presences on which the nodes of a cluster come to agree: an
// add-wins, observed-remove set that is replicated by deltas. It knows neither clocks nor
// networks nor actors; its user brings the messages from one [State] to the others, in
// any order, any number of times, or not at all.
//
// # Events
//
// A replica is the part of the set that one node adds to and removes from, and
// nobody else does. It is known by its [ID]. Each addition and each removal is an
// event of that replica, numbered from 1. An entry bears the number of the event that
// added it, its dot: with the ID it is the entry's name, for ever.
//
// What a State knows of a replica is two things: which events it has seen, a set of
// numbers that is one span unless something was lost on the way, and the entries
// that these have left. A dot that has been seen and has no entry is gone. So, of
// two States, one that has seen a dot knows better than one that has not, and
// nothing that was removed comes back, however late its addition arrives.
//
// # Deltas
//
// A [Delta] is a part of such knowledge: some events, the entries that they left,
// and the older dots that they removed. A whole replica is a Delta, too, that of all
// its events. To merge is to take the union of what has been seen, and of the
// entries those that one side has and the other one has, too, or has not seen. This
// is a join of a semilattice: idempotent, commutative and associative.
//
// This is the optimised observed-remove set of Bieniusa and others and the delta
// state of Almeida and others, with a context that is a set of intervals in place of
// a clock and a cloud of dots.
package crdt
