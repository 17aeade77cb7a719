package crdt

import "math"

// Delta is a part of what there is to know of a replica. It stands alone: a State that
// has seen an event of it knows what that event did, though other deltas be lost.
type Delta struct {
	Seen    Spans     // the events that it tells
	Entries []Record  // what is left of them, in the order of dots
	Removed []Removal // what they removed, in the order of events
}

// Removal says that an event removed an entry.
type Removal struct{ At, Dot uint64 }

// defaultPiece is about how many bytes a delta may have: what one message takes in
// any network.
const defaultPiece = 256 << 10

// split cuts a delta that tells all its removals into pieces of about so many bytes,
// by events.
func (d Delta) split(size int) (pieces []Delta) {
	var piece Delta
	first, bytes := uint64(1), 0
	cut := func(last uint64) {
		piece.Seen = d.Seen.Within(first, last)
		pieces = append(pieces, piece)
		piece, first, bytes = Delta{}, last+1, 0
	}
	entries, removed := d.Entries, d.Removed
	for len(entries)+len(removed) > 0 {
		if len(removed) == 0 || len(entries) > 0 && entries[0].Dot < removed[0].At {
			// A replacement's addition comes right after its removal, and stays there.
			if r := entries[0]; bytes >= size && r.Prev == 0 {
				cut(r.Dot - 1)
			}
			bytes += entries[0].size()
			piece.Entries, entries = append(piece.Entries, entries[0]), entries[1:]
		} else {
			if bytes >= size {
				cut(removed[0].At - 1)
			}
			bytes += removalSize
			piece.Removed, removed = append(piece.Removed, removed[0]), removed[1:]
		}
	}
	cut(math.MaxUint64)
	return pieces
}

// whole returns a replica, with its events up to clock, in pieces of about so many
// bytes. What the events removed is not known any more: it is all that is not among
// the entries. So each piece tells of its entries alone, but for the last, which
// tells of all else.
func whole(clock uint64, entries []Record, size int) (pieces []Delta) {
	var piece Delta
	var dots Spans
	rest, bytes := UpTo(clock), 0
	for i, r := range entries {
		bytes += r.size()
		dots = append(dots, Span{r.Dot, r.Dot})
		piece.Entries = entries[i-len(piece.Entries) : i+1]
		if bytes >= size {
			piece.Seen = dots.Union(nil)
			rest = rest.Minus(piece.Seen)
			pieces = append(pieces, piece)
			piece, dots, bytes = Delta{}, nil, 0
		}
	}
	piece.Seen = rest
	return append(pieces, piece)
}

// About how many bytes things take in a message.
const removalSize = 10

func (r Record) size() int { return len(r.Topic) + len(r.Key) + len(r.Meta) + 20 }
