package actortest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/troupe-go/troupe/actor"
)

// inbox is what has come for a probe, and its behavior. The probe's actor fills
// it, the test empties it.
type inbox[M any] struct {
	ctx *actor.Context[M] // to be used on the actor's goroutine only

	mu       sync.Mutex
	messages []M // that the test has not taken
	downs    []actor.Down
	exits    []actor.Exit
	watched  map[actor.PID]bool
	history  []any         // the last things that came, taken or not
	count    int           // how many have come
	changed  chan struct{} // if not nil, closed when something comes
}

// remembered is how much of the history a failure shows.
const remembered = 20

// Init implements [actor.Initializer].
func (b *inbox[M]) Init(ctx *actor.Context[M]) error {
	b.ctx = ctx
	ctx.TrapExit(true)
	return nil
}

// Receive implements [actor.Behavior].
func (b *inbox[M]) Receive(_ *actor.Context[M], m M) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, m)
	b.came(m)
	return nil
}

// HandleDown implements [actor.DownHandler].
func (b *inbox[M]) HandleDown(_ *actor.Context[M], d actor.Down) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.downs = append(b.downs, d)
	b.came(d)
	return nil
}

// HandleExit implements [actor.ExitHandler].
func (b *inbox[M]) HandleExit(_ *actor.Context[M], e actor.Exit) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exits = append(b.exits, e)
	b.came(e)
	return nil
}

// came notes what has come. It is called with mu held.
func (b *inbox[M]) came(what any) {
	b.count++
	if len(b.history) == remembered {
		b.history = slices.Delete(b.history, 0, 1)
	}
	b.history = append(b.history, what)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// account tells what has come, for a failure. It is called with mu held.
func (b *inbox[M]) account() string {
	if b.count == 0 {
		return "nothing has come at all"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%d have come in all", b.count)
	if b.count > len(b.history) {
		fmt.Fprintf(&s, ", of which the last %d", len(b.history))
	}
	s.WriteString(":")
	for _, what := range b.history {
		s.WriteString("\n  " + show(what))
	}
	if n := len(b.messages); n > 0 {
		fmt.Fprintf(&s, "\n%d messages have not been taken", n)
	}
	return s.String()
}

// show prints what has come: a message with its type, which is what tells messages
// apart.
func show(what any) string {
	switch what := what.(type) {
	case actor.Down:
		return fmt.Sprintf("down of %v: %v", label(what.PID), what.Reason)
	case actor.Exit:
		return fmt.Sprintf("exit of %v: %v", label(what.From), what.Reason)
	}
	return fmt.Sprintf("%T %+v", what, what)
}

// pop takes the first message. It is called with mu held.
func (b *inbox[M]) pop() M {
	m := b.messages[0]
	b.messages = slices.Delete(b.messages, 0, 1)
	return m
}

// take removes the first of list that matches and stores it in v.
func take[E any](list *[]E, v *E, match func(E) bool) bool {
	i := slices.IndexFunc(*list, match)
	if i < 0 {
		return false
	}
	*v = (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return true
}
