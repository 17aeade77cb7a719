package book

import "github.com/troupe-go/troupe/actor"

// Far is an entry of an actor that is not of this program: it has no PID, and stands in the
// book until Remove.
type Far[K comparable] struct{ e *entry[K] }

// AddFar writes what stands for such an actor under key, behind those that stand there. Its
// Row has the zero PID.
func (b *Book[K]) AddFar(key K, value any) Far[K] {
	e := newEntry(b, key, Row{Value: value})
	b.add(e, false)
	return Far[K]{e}
}

// Remove strikes it. A second time it does nothing.
func (f Far[K]) Remove() { f.e.Release(actor.PID{}, nil) }

// far reports whether it is an entry that no actor of this program has.
func (e *entry[K]) far() bool { return e.pid.IsZero() }

// Far reports whether the row is of an actor that is not of this program.
func (r Row) Far() bool { return r.PID.IsZero() }
