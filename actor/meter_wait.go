package actor

import (
	"time"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// waits are those of the actors of a table. An entry has the number of its wait, from 1.
type waits struct {
	all  []wait
	idle []uint32
}

// wait is how old the messages are that wait for one actor: when it was seen that so many
// had come. As long as one of those has not been taken, a message is at least that old. The
// marks are in their order, and the first one is of a message that still waited when it was
// looked at last.
type wait struct {
	marks [16]waitMark
	n     uint8
}

type waitMark struct {
	queued uint32 // messages ever, the low bits
	at     uint32 // in milliseconds
}

// maxWait is what all that waits for longer counts as: 24 days.
const maxWait = 1 << 31

func millis(at time.Duration) uint32 { return uint32(at.Milliseconds()) }

// note puts down what is seen of a mailbox.
func (ws *waits) note(number *uint32, l queue.Load, at time.Duration) {
	if l.Waiting == 0 {
		ws.free(*number)
		*number = 0
		return
	}
	if *number == 0 {
		*number = ws.take()
	}
	ws.all[*number-1].note(l, millis(at))
}

func (ws *waits) take() uint32 {
	if n := len(ws.idle); n > 0 {
		number := ws.idle[n-1]
		ws.idle = ws.idle[:n-1]
		return number
	}
	ws.all = append(ws.all, wait{})
	return uint32(len(ws.all))
}

func (ws *waits) free(number uint32) {
	if number != 0 {
		ws.all[number-1] = wait{}
		ws.idle = append(ws.idle, number)
	}
}

// oldest returns how long the oldest message has waited, at least.
func (ws *waits) oldest(number uint32, l queue.Load, now time.Duration) time.Duration {
	if number == 0 || l.Waiting == 0 {
		return 0
	}
	w := &ws.all[number-1]
	for _, m := range w.marks[:w.n] {
		if m.waits(l) {
			return time.Duration(millis(now)-m.at) * time.Millisecond
		}
	}
	return 0
}

// isWaste reports whether most of the room is unused.
func (ws *waits) isWaste() bool { return len(ws.all) > 64 && len(ws.idle) > len(ws.all)*3/4 }

// moved returns the waits of entries in as much room as they need.
func (ws *waits) moved(entries []measured) waits {
	next := waits{all: make([]wait, 0, len(ws.all)-len(ws.idle))}
	for i := range entries {
		if number := &entries[i].wait; *number != 0 {
			next.all = append(next.all, ws.all[*number-1])
			*number = uint32(len(next.all))
		}
	}
	return next
}

// waits reports whether one of the messages that had come by then still waits.
func (m waitMark) waits(l queue.Load) bool { return int32(m.queued-uint32(l.Gone())) > 0 }

func (w *wait) note(l queue.Load, now uint32) {
	gone := 0
	for gone < int(w.n) && !w.marks[gone].waits(l) {
		gone++
	}
	w.n = uint8(copy(w.marks[:], w.marks[gone:w.n]))
	for i := range w.marks[:w.n] {
		if m := &w.marks[i]; now-m.at > maxWait {
			m.at = now - maxWait
		}
	}
	m := waitMark{uint32(l.Queued), now}
	if w.n > 0 && w.marks[w.n-1].queued == m.queued {
		return // nothing has come since
	}
	if int(w.n) == len(w.marks) {
		w.thin(now)
	}
	w.marks[w.n] = m
	w.n++
}

// thin removes the mark that is missed least: without it the age of a message that came
// just after the mark before it is not known, and said to be that of the one behind it. What
// counts is how much that is off in proportion.
func (w *wait) thin(now uint32) {
	least, which := 2.0, 1
	for i := 1; i+1 < int(w.n); i++ {
		truth := float64(now - w.marks[i-1].at)
		if off := float64(w.marks[i+1].at-w.marks[i-1].at) / truth; off < least {
			least, which = off, i
		}
	}
	w.n = uint8(which + copy(w.marks[which:], w.marks[which+1:w.n]))
}
