package actor

import "sync"

// relations is what ties an actor to others. All of it is guarded by mu.
type relations struct {
	mu     sync.Mutex
	sealed bool // what is owned is being released: nothing more may be
	closed bool // the actor has ended: nothing may be added
	taken  bool // somebody is telling all
	told   bool // all have been told

	ties
	owned smallMap[Resource, struct{}]
	calls pendingCalls

	rare *rareRelations // nil until first needed
}

// ties are what is in the relations of an actor, but for calls.
type ties struct {
	links    smallMap[*process, *link]
	watchers smallMap[*monitor, struct{}] // monitors that others have on this actor
	watching smallMap[*monitor, struct{}] // monitors that this actor has
}

// gone stands in for the relations of all actors that ended without any.
var gone = &relations{sealed: true, closed: true, taken: true, told: true}

// relations returns p's relations, which it makes on first use.
func (p *process) relations() *relations {
	if r := p.rel.Load(); r != nil {
		return r
	}
	p.rel.CompareAndSwap(nil, new(relations))
	return p.rel.Load()
}

// forget runs f on p's relations if it has any.
func forget(p *process, f func(*relations)) {
	if r := p.rel.Load(); r != nil && r != gone {
		r.mu.Lock()
		defer r.mu.Unlock()
		f(r)
	}
}

// lockPair locks the relations of p and q, in one order for all, so that no two
// goroutines wait for each other. Those of an actor that ended without any are
// not locked: they are shared, and nobody changes them.
func lockPair(p, q *process) pair {
	if q.before(p) {
		p, q = q, p
	}
	locked := pair{p.relations(), q.relations()}
	for _, r := range locked {
		if r != gone {
			r.mu.Lock()
		}
	}
	return locked
}

// pair is the relations of two actors, locked.
type pair [2]*relations

func (locked pair) unlock() {
	for _, r := range locked {
		if r != gone {
			r.mu.Unlock()
		}
	}
}

// before puts the actors of all systems in one order.
func (p *process) before(q *process) bool {
	return p.serial < q.serial || p.serial == q.serial && p.sys.id < q.sys.id
}
