package nats

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/optional"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// Singleton describes an actor of which one runs in the cluster, on one of the nodes that have
// its Child in their trees. The others stand by. M is the type of its messages, S that of the
// state that it hands off; struct{} if it hands off none.
//
//	boss := nats.Singleton[bossMessage, books]{Names: names, Name: "boss", New: newBoss}
//	children := []supervisor.Child{node.Child(), boss.Child()}
//
//	func newBoss(t *nats.Tenure, handed *books) actor.Behavior[bossMessage] { … }
//	func (b *boss) HandOff() (books, error) { return b.books, nil }
//
// It is reached by its name, as [Names.Lookup] finds it, from any node: look it up for each
// use. Before it acts as the only one it asks [Tenure.Valid], and what must not be done by two
// carries [Tenure.Token].
//
// When the child is stopped, as by SIGTERM, the actor handles what waits already, gives its
// state by [HandOffer], and ends; then the name is free, and New gets the state on the node
// that follows. In each failure this is when that one begins, and what with:
//
//   - SIGTERM, or the child is stopped otherwise: at once, with the state. It is lost if HandOff
//     fails or is not through in two fifths of the child's Shutdown time, if it cannot be
//     encoded or decoded or has more than MaxState bytes, and if NATS does not answer within a
//     second. Then it is as with kill -9.
//   - The actor ends by itself, or crashes: so does the child, with the same reason, and its
//     supervisor deals with it as with any child. The name goes to the first that stands by, on
//     whatever node, without a state.
//   - kill -9, or the machine is gone: a lease after the last renewal, without a state.
//   - The node is cut off, NATS stalls or is down, the program is paused: the actor ends with a
//     reason that wraps [ErrLost], before another node can have the name, or when the program
//     goes on. The node stands by again, and its supervisor does not notice: that is no restart.
//     Another one begins a lease after the last renewal, or when NATS is back, without a state.
//   - NATS has lost the bucket, restarted empty, or has it deleted: the actor goes on, as its
//     [Tenure] does. If there is none at that time the state is lost, and one begins a lease
//     after NATS is back.
//   - It crashes or is killed as it begins: its state is lost with it.
//
// So New gets the state of the tenure before its own, or none: never an older one, and each
// state goes to one. Without one it begins as at first: what must not be lost is for a
// database.
//
// What becomes of a call by name, as [Method.Call]'s error says: one that comes while there
// is no actor gets [actor.NoProc], from Lookup or at once from the node. One that the actor has
// when it ends gets its reason, with CallError.Ended: [actor.Shutdown] if it was stopped,
// ErrLost if the name was lost. One that its node takes along with it, by kill -9, a pause or
// a cut, gets [ErrNoConnection] within a lease. While NATS is away, Lookup and the call get its
// error or that of ctx; while the bucket is new, Lookup gets [ErrUnsettled]. One that comes
// between the grant of the name and the actor's Init waits for it.
//
// A Singleton must not be changed once its Child is in use.
//
// Elixir: Horde.DynamicSupervisor with one child. Akka: ClusterSingletonManager.
type Singleton[M, S any] struct {
	// Names are those of this node. They are shut down after its tree.
	Names *Names[M]

	// Name is the actor's in the cluster, and the ID of the child.
	Name string

	// New makes the actor's behavior, once for each tenure. It runs as a handler of the actor,
	// before its Init. The state is what the actor before it has handed off; nil if there is
	// none.
	New func(t *Tenure, handed *S) actor.Behavior[M]

	// State turns the state into bytes, and back. It is given Name as the topic;
	// [Config.Codec] if nil, and JSON without one. In a rolling deploy it reads what the former version wrote.
	State pubsub.Codec[S]

	// MaxState is how many bytes a state may have; 64 KiB if zero. They are in the memory of
	// NATS until another node has begun.
	MaxState int
}

// HandOffer is the behavior of a [Singleton] that hands off state when its child is stopped.
// HandOff runs between two of its handlers, the last of which was the actor's last but for
// Terminate. It must not block.
type HandOffer[S any] interface {
	HandOff() (S, error)
}

const defaultMaxState = 64 << 10

// Child returns the singleton as a child of a supervisor, on each node that may run it. It
// comes after the node's Child. Its start does not wait for the name.
//
// Of the child's Shutdown time, which the options set, the actor has three fifths; a supervisor
// needs the rest. NATS delays the end by a second at most.
func (s Singleton[M, S]) Child(opts ...supervisor.ChildOption) supervisor.Child {
	return s.child(s.office, opts...)
}

// child is Child with names that may be others than NATS's.
func (s Singleton[M, S]) child(office func() (office[M], error), opts ...supervisor.ChildOption) supervisor.Child {
	var limit time.Duration
	create := func() *keeper[M, S] { return &keeper[M, S]{Singleton: s, open: office, limit: limit} }
	c := supervisor.Actor[notice](s.Name, create, opts...)
	limit = time.Duration(cmp.Or(c.Shutdown, supervisor.Shutdown(defaultShutdown)))
	return c
}

// defaultShutdown is what a supervisor gives a child.
const defaultShutdown = 5 * time.Second

// check returns what is wrong with the description.
func (s Singleton[M, S]) check() error {
	switch {
	case s.New == nil:
		return errors.New("the field New is nil")
	case s.MaxState < 0:
		return fmt.Errorf("the field MaxState is negative: %d", s.MaxState)
	}
	return checkName(s.Name)
}

func (s Singleton[M, S]) codec() pubsub.Codec[S] {
	switch {
	case s.State != nil:
		return s.State
	case s.Names == nil: // in the model
		return pubsub.JSON[S]{}
	}
	return pubsub.CodecOf[S](s.Names.pubsub.Encoding())
}

// checkHandOff reports a method HandOff that would never be called.
func checkHandOff[S any](b any) error {
	return optional.Check(reflect.TypeOf(b), optional.New[HandOffer[S]]("HandOff",
		func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandOff") }))
}

// attr says in the log which singleton it is.
func (s Singleton[M, S]) attr() slog.Attr { return slog.String("singleton", s.Name) }
