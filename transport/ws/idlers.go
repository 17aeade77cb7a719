package ws

import "container/list"

// idlers are the recorders of a [History] that have no user, under the archive's lock. If there are
// too many, those go first of which nobody can have missed anything, the empty ones: no message has
// come to their logs, or nobody has read them. Anybody can have any number of them made, by a look at
// topics that nobody uses, and a service by broadcasts with keys to users that are not there: that
// should not push out what others have missed. An eighth of the places is theirs nevertheless. Without
// that, the log of a new topic would be forgotten as soon as it has no user, and its client told that
// it may have missed something.
//
// A recorder to whose log a message comes while it is idle is not among the empty ones from then on,
// if it was read, and has its place in all as before.
type idlers struct {
	all   list.List // the one longest idle first
	empty list.List // likewise
}

// add adds a recorder that has no user from now on.
func (i *idlers) add(r *recorder) {
	r.idle = i.all.PushBack(r)
	if !r.read || !r.used.Load() {
		r.empty = i.empty.PushBack(r)
	}
}

// remove removes a recorder.
func (i *idlers) remove(r *recorder) {
	i.all.Remove(r.idle)
	r.idle = nil
	i.fill(r)
}

// fill removes a recorder from the empty ones, if it is among them. In all it stays.
func (i *idlers) fill(r *recorder) {
	if r.empty != nil {
		i.empty.Remove(r.empty)
		r.empty = nil
	}
}

// longest returns the recorder that has been idle for longest, or nil.
func (i *idlers) longest() *recorder { return first(&i.all) }

// dispensable returns the recorder that goes if there are too many, that is more than most, or nil if
// there is none.
func (i *idlers) dispensable(most int) *recorder {
	if i.empty.Len() > most/emptyPart {
		return first(&i.empty)
	}
	return i.longest()
}

// emptyPart is which part of the places the empty ones do not lose to the others: one in so many.
const emptyPart = 8

func first(l *list.List) *recorder {
	if l.Len() == 0 {
		return nil
	}
	return l.Front().Value.(*recorder)
}
