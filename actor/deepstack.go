package actor

import (
	"sync/atomic"
	"unsafe"
)

// Goroutines begin with a small stack, which moves to a larger place when it is
// full. With a deep handler that happens at each wake-up, since a runner ends when
// its actor goes to sleep, and it is dear: each frame on the stack has to be looked
// up. So an actor is known as deep when the stacks of three runners in a row had to
// move, and later runners grow theirs first, while there is next to nothing on it.
//
// The count stands in two bits of the process's flags, where only the runner
// changes it.

// judgeDepth is told by each runner whether its stack has moved. If instruments were told of
// some of what it has handled that says nothing of the others.
func (p *process) judgeDepth(moved bool) {
	f := p.flags.Load()
	if f&toldOf != 0 {
		p.flags.And(^toldOf)
		return
	}
	switch d := f & depthMask; {
	case d == depthMask:
	case moved:
		p.flags.Add(depth)
	case d != 0: // it was for something rare
		p.flags.And(^uint32(depthMask))
	}
}

// depths is the same for functions that are called again and again on goroutines of their
// own. Calls that end at once may make it one more or less.
type depths struct{ moved atomic.Int32 }

// deep reports whether a stack should grow first. A nil depths knows nothing of the
// functions, and says yes.
func (d *depths) deep() bool { return d == nil || d.moved.Load() >= deepAfter }

const deepAfter = 3

// judge is told whether the stack has moved meanwhile.
func (d *depths) judge(moved bool) {
	if d == nil {
		return
	}
	switch n := d.moved.Load(); {
	case n >= deepAfter:
	case moved:
		d.moved.Add(1)
	case n != 0:
		d.moved.Store(0)
	}
}

// place returns where on the stack mark is. It changes when the stack moves.
func place(mark *byte) uintptr { return uintptr(unsafe.Pointer(mark)) }

// makeRoom grows the stack for an actor that is deep, and once for one whose instruments
// will be called: that is deeper than most handlers are. The caller of serve calls it, and
// not serve itself: one frame less has to be looked up.
func (p *process) makeRoom() {
	f := p.flags.Load()
	if f&profiled != 0 {
		p.setProfileLabels()
	}
	if f&depthMask == depthMask || f&carrying != 0 {
		if f&carrying != 0 {
			p.flags.And(^carrying)
		}
		growStack()
	}
}

// growStack makes the stack twice as large as it is at first, which is 2 KiB, of
// which 1.1 KiB can be used.
//
//go:noinline
func growStack() {
	var frame [1280]byte
	touch(&frame)
}

//go:noinline
func touch(*[1280]byte) {}

// noteTold has the depth of the runner not judged.
func (p *process) noteTold() {
	if !p.has(toldOf) {
		p.flags.Or(toldOf)
	}
}
