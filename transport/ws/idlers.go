package ws

import "container/list"

// idlers are the recorders of a [History] that have no user, under the archive's lock. If there are
// too many, those go first to whose logs no message has come: anybody can have any number of them
// made, by a look at topics that nobody uses, and should not push out what others have missed.
//
// A message may come while a recorder is idle. So those in empty were empty when they became idle,
// and are looked at again when it is their turn; their place in all they have in any case. A
// recorder comes off empty once for each time that it was added: dispensable takes constant time,
// amortised.
type idlers struct {
	all   list.List // the one longest idle first
	empty list.List // likewise
}

// add adds a recorder that has no user from now on.
func (i *idlers) add(r *recorder) {
	r.idle = i.all.PushBack(r)
	if !r.used.Load() {
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

// dispensable returns the recorder that goes if there are too many, or nil if there is none.
func (i *idlers) dispensable() *recorder {
	for r := first(&i.empty); r != nil; r = first(&i.empty) {
		if !r.used.Load() {
			return r
		}
		i.fill(r)
	}
	return i.longest()
}

func first(l *list.List) *recorder {
	if l.Len() == 0 {
		return nil
	}
	return l.Front().Value.(*recorder)
}
