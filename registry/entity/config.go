package entity

import (
	"cmp"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Config says how the entities of a [Set] are kept. The zero Config is a good one.
type Config struct {
	// ID names the set: as a child of its supervisor and, with the key, each of its
	// entities in logs, errors and snapshots, such as rooms "lobby". It is "entities" by
	// default.
	ID string

	// Linger is how long an entity runs on when its last holder has gone, see [Set.Hold].
	// By default it is stopped at once.
	Linger time.Duration

	// Backoff makes the restarts of one entity wait, whatever the others do. By default
	// the first wait is 100 ms and the longest 30 s, less up to a fifth of it by chance.
	Backoff supervisor.Backoff

	// Shutdown is how long an entity may take to end when it is told to, 5 s by default.
	Shutdown supervisor.Shutdown

	// Max is how many entities there may be at a time; 0 means any number. A Find that
	// would start one more fails with [supervisor.ErrMaxChildren]. Set it where clients
	// make the keys up.
	Max int

	// Options are for the spawn of each entity, such as [actor.Mailbox].
	Options []actor.Option
}

var defaultBackoff = supervisor.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second, Jitter: 0.2}

const defaultShutdown = supervisor.Shutdown(5 * time.Second)

func (c Config) withDefaults() Config {
	c.ID = cmp.Or(c.ID, "entities")
	if c.Backoff == (supervisor.Backoff{}) {
		c.Backoff = defaultBackoff
	}
	if c.Backoff.Max == 0 {
		c.Backoff.Max = max(c.Backoff.Min, defaultBackoff.Max)
	}
	c.Shutdown = cmp.Or(c.Shutdown, defaultShutdown)
	return c
}

// validate returns the first fault, with which the set does not start.
func (c Config) validate() error {
	fault := func(field, problem string, args ...any) error {
		return &supervisor.SpecError{Child: c.ID, Field: field, Problem: fmt.Sprintf(problem, args...)}
	}
	switch b := c.Backoff; {
	case c.Linger < 0:
		return fault("Linger", "is negative: %v", c.Linger)
	case c.Max < 0:
		return fault("Max", "is negative: %d", c.Max)
	case c.Shutdown < supervisor.BrutalKill:
		return fault("Shutdown", "is negative: %v", c.Shutdown)
	case b.Min <= 0 || b.Max != 0 && b.Max < b.Min || !(b.Jitter >= 0 && b.Jitter <= 1): // nor NaN
		return fault("Backoff", "is none: %+v", b)
	}
	return nil
}
