package actor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// backlog queues woken actors while many others already wait for a processor. A goroutine
// for each of them would not make them run any sooner, but would take 2 KiB of stack:
// gigabytes when a million actors get a message at once. Runners that have finished take
// one queued actor after the other, so in a burst most need no goroutine of their own.
//
// A handler may block, so no actor may have to wait for a runner to finish. Hence the
// invariant: while an actor queues, there is at least one goroutine that has been
// started and counted, and has not begun to run; and when it begins, and it was the
// last one, it starts another, before it does anything else.
//
// Counting is not free, and most actors are not part of a burst. So only the
// goroutines of one actor in eight are counted, besides those that the queue starts.
type backlog struct {
	starting atomic.Int32 // counted goroutines that have not begun
	waiting  atomic.Int32 // length of the queue, to be looked at without the lock

	mu    sync.Mutex
	queue []*process
	head  int // of queue: what is before it has been taken
}

const (
	// So many counted goroutines that wait to begin, and seven times as many that are
	// not counted, are enough to keep all processors busy.
	maxStarting = 16
	// A runner that goes on with others yields after so many.
	yieldAfterActors = 64
)

// isCounted says whether p is one of the eighth that is counted. It mixes the bits of
// the serial number, as kinds of actors may be spawned in turn.
func (p *process) isCounted() bool { return uint32(p.serial)*0x9e3779b1>>29 == 0 }

// start has p run: on a goroutine of its own, or as one of those that queue.
func (b *backlog) start(p *process) {
	if b.starting.Load() < maxStarting {
		if p.isCounted() {
			b.starting.Add(1)
		}
		go p.runner()
		return
	}
	b.mu.Lock()
	b.queue = append(b.queue, p)
	b.waiting.Add(1)
	b.mu.Unlock()
	// Either this sees that the last one has begun, or that one sees the queue.
	if b.starting.Load() == 0 {
		b.startNext()
	}
}

// begin takes a goroutine off the count, and keeps the invariant.
func (b *backlog) begin() {
	if b.starting.Add(-1) == 0 && b.waiting.Load() > 0 {
		b.startNext()
	}
}

func (b *backlog) startNext() {
	if p := b.next(); p != nil {
		b.starting.Add(1)
		go func() {
			b.begin()
			p.makeRoom()
			serve(p, nil)
			b.goOn()
		}()
	}
}

// goOn is for a runner that has finished: it runs those that queue.
func (b *backlog) goOn() {
	if b.waiting.Load() == 0 {
		return
	}
	for n := 1; ; n++ {
		p := b.next()
		if p == nil {
			return
		}
		p.makeRoom()
		serve(p, nil)
		if n%yieldAfterActors == 0 {
			runtime.Gosched()
		}
	}
}

// next takes an actor out of the queue, or returns nil.
func (b *backlog) next() *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.queue) {
		return nil
	}
	p := b.queue[b.head]
	b.queue[b.head] = nil
	b.waiting.Add(-1)
	if b.head++; b.head == len(b.queue) {
		b.queue, b.head = nil, 0
	}
	return p
}
