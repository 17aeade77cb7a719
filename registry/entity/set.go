package entity

import (
	"cmp"
	"iter"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
	"github.com/troupe-go/troupe/registry/internal/table"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// Set is a set of like entities: actors that take messages of type M, each under a key of
// its own. Make one with [New]. It must run before it finds anything: put its [Set.Child]
// into a supervision tree.
//
// All methods may be called from any goroutine.
//
// Elixir: a Registry with a DynamicSupervisor.
type Set[K comparable, M any] struct {
	cfg   Config
	child supervisor.Child
	spawn func(*life[K, M]) (actor.Ref[M], error) // starts the actor of a life

	// running has the lives whose entities run, with the entity as the holder of the key.
	// It is what a Find reads first. What counts is lives.
	running registry.Registry[K]

	// mu guards what follows. It is held for moments.
	mu     sync.Mutex
	keeper *keeper[K, M]             // nil while the set does not run
	hired  uint64                    // how many keepers have been made
	opened uint64                    // the number of the latest keeper that has opened the set
	births uint64                    // how many lives have begun
	lives  table.Map[K, *life[K, M]] // all whose key is not free
	inits  map[actor.PID]*life[K, M] // those whose entity is in its Init
}

// New returns a set whose entities have the behavior that newEntity makes for their key,
// once for each incarnation. It starts nothing. The types are inferred:
//
//	rooms := entity.New(entity.Config{ID: "rooms"}, newRoom) // func newRoom(name string) *room
func New[K comparable, M any, B actor.Behavior[M]](cfg Config, newEntity func(key K) B) *Set[K, M] {
	s := &Set[K, M]{cfg: cfg.withDefaults(), inits: make(map[actor.PID]*life[K, M])}
	s.spawn = func(l *life[K, M]) (actor.Ref[M], error) {
		create := func() B { return newEntity(l.key) }
		opts := append(s.cfg.Options[:len(s.cfg.Options):len(s.cfg.Options)],
			actor.Label(l.id), actor.BeforeInit(l.born))
		return actor.SpawnLink(l.keeper.self, create, opts...)
	}
	err := s.cfg.validate()
	if newEntity == nil {
		err = &supervisor.SpecError{Child: s.cfg.ID, Field: "newEntity", Problem: "is nil"}
	}
	s.child = supervisor.Child{
		ID:   s.cfg.ID,
		Type: supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			if err != nil {
				return actor.PID{}, err
			}
			ref, err := actor.SpawnLink(parent, s.newKeeper, actor.Label(s.cfg.ID))
			return ref.PID(), err
		},
	}
	return s
}

// Child returns the set as a child for a supervision tree, the one place that it runs in.
// The child is the supervisor of the entities. It does not start if the [Config] is bad; the
// error then wraps a [*supervisor.SpecError].
func (s *Set[K, M]) Child() supervisor.Child { return s.child }

// Start starts the set under a supervisor of its own. It is for tests and small programs;
// others give [Set.Child] to the supervisor that they have.
func (s *Set[K, M]) Start(sys *actor.System) (supervisor.Tree, error) {
	return supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{s.child}})
}

// Lookup returns the Ref of an entity that runs. It reports false if none does, and starts
// nothing. It takes no lock and allocates nothing.
//
// Elixir: Registry.lookup/2.
func (s *Set[K, M]) Lookup(key K) (supervisor.Ref[M], bool) {
	if l := s.current(key); l != nil {
		return l.ref, true
	}
	return supervisor.Ref[M]{}, false
}

// current returns the life under key if its entity runs, or nil.
func (s *Set[K, M]) current(key K) *life[K, M] {
	e, ok := s.running.Get(key)
	if !ok {
		return nil
	}
	l := e.Value.(*life[K, M])
	if !l.isSupervised() {
		return nil
	}
	return l
}

// Count returns the number of entities that run.
func (s *Set[K, M]) Count() int { return s.running.Count() }

// All returns the entities that run, in no particular order. It holds no lock while the
// loop's body runs. One that starts or ends during the loop may come or not.
func (s *Set[K, M]) All() iter.Seq2[K, supervisor.Ref[M]] {
	return func(yield func(K, supervisor.Ref[M]) bool) {
		for key, e := range s.running.All() {
			if !yield(key, e.Value.(*life[K, M]).ref) {
				return
			}
		}
	}
}

// begin returns the life under key, or begins one.
func (s *Set[K, M]) begin(key K) (*life[K, M], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper == nil || !s.keeper.self.PID().Alive() {
		return nil, errNotRunning
	}
	l := s.lives.Get(key)
	if l == nil {
		if s.cfg.Max > 0 && s.lives.Len() >= s.cfg.Max {
			return nil, supervisor.ErrMaxChildren
		}
		s.births++
		l = &life[K, M]{keeper: s.keeper, key: key, number: s.births, attempting: true}
		s.lives.Set(key, l)
		go l.attempt()
	}
	return l, nil
}

// newKeeper returns the next keeper, which has not opened the set.
func (s *Set[K, M]) newKeeper() *keeper[K, M] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hired++
	return &keeper[K, M]{set: s, number: s.hired}
}

// open has lives begin under the keeper. It reports false if a later one has opened the set
// before: the supervisor of this one was killed while it was in its Init, and it has not
// heard of that. Then the set is not its own to open, nor to shut.
func (s *Set[K, M]) open(k *keeper[K, M]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.number < s.opened {
		return false
	}
	s.keeper, s.opened = k, k.number
	return true
}

// shut lets no life begin under the keeper any more, and returns those that are not over.
func (s *Set[K, M]) shut(k *keeper[K, M]) []*life[K, M] {
	s.mu.Lock()
	if s.keeper == k {
		s.keeper = nil
	}
	s.mu.Unlock()
	return s.livesUnder(k)
}

// page returns lives under the keeper from a place on, at most limit of them, in the order of
// their begin, and how many there are in all.
func (s *Set[K, M]) page(k *keeper[K, M], from, limit int) ([]*life[K, M], int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	under := func(yield func(*life[K, M]) bool) {
		for _, l := range s.lives.All {
			if l.keeper == k && !yield(l) {
				return
			}
		}
	}
	return roll.Page(under, from, limit, func(a, b *life[K, M]) int { return cmp.Compare(a.number, b.number) })
}

// livesUnder returns the lives under the keeper.
func (s *Set[K, M]) livesUnder(k *keeper[K, M]) (list []*life[K, M]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives.All {
		if l.keeper == k {
			list = append(list, l)
		}
	}
	return list
}

// newest returns the number of the life that has begun last.
func (s *Set[K, M]) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.births
}

// forget frees the key of a life, which is over.
func (s *Set[K, M]) forget(l *life[K, M]) {
	s.mu.Lock()
	s.lives.Delete(l.key)
	s.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = over
	l.tell()
}
