package group

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Message is something that the members of groups are sent, on this node and others: a T, of
// which each node makes the message M that its actors take.
//
//	var Resize = group.Message[workerMessage, Job]{
//		Name: "resize",
//		Make: func(j Job) workerMessage { return resize{j} },
//	}
//
//	err := workers.Serve(Resize)                            // on all nodes, at their start
//	err = Resize.SendOne(workers.Group("images"), Job{URL: url})
//
// It is a value that all nodes have, and must not be changed once it is in use. The message M
// itself does not travel, so it may hold whatever it likes.
type Message[M, T any] struct {
	// Name is what the message is called between nodes, whatever becomes of its Go types. It
	// must not be empty, and is one of its own among the messages of a set.
	Name string

	// Make makes the actors' message. It is called once on each node, for all members there,
	// which share what it returns. It must not block.
	Make func(T) M

	// Codec turns what travels into bytes, and back. It is given Name as the topic;
	// the encoding of the set's cluster if nil, which is JSON if it has none. In a rolling deploy
	// it reads what the version before has written. On either side it has a second: what panics,
	// calls runtime.Goexit or takes longer costs the message.
	Codec pubsub.Codec[T]
}

// Group is a group as an address for a [Message]. It is comparable.
// The zero Group has no members.
type Group struct{ at place }

// String returns the group's name.
func (g Group) String() string {
	if g.at == nil {
		return "no group"
	}
	return g.at.String()
}

func (g Group) audience() audience {
	if g.at == nil {
		return audience{}
	}
	return g.at.audience()
}

// place is where a message goes.
type place interface {
	String() string
	audience() audience
	encode(f func(pubsub.Encoding) (mail, error)) (mail, error)
	mail(node string, m mail) error
}

// Group returns the group as an address. It need not have members, now or ever.
func (s *Set[G]) Group(group G) Group { return Group{spot[G]{s, group}} }

// spot is a [place] in a set.
type spot[G comparable] struct {
	set   *Set[G]
	group G
}

// String returns the group's name.
func (p spot[G]) String() string { return fmt.Sprint(p.group) }

// ErrNoMembers says that there is nobody to send to.
var ErrNoMembers = errors.New("the group has no members")

// errOther says that an actor does not take messages of the type.
var errOther = errors.New("the member takes messages of another type")

// SendAll sends v to all members of the group. An actor that has joined twice gets it twice. It
// does not wait: the error says how many of this node's members, and which nodes, will not get
// it; the others do. To a group without members it sends nothing, and returns nil.
//
// On another node the members get it that are there when it arrives. It arrives at most once, and
// possibly not at all, without a word here: the node has crashed, is cut off, or takes too long.
// Then that node counts it, see [Stats] and [MessagesLost]. What one goroutine sends to a
// group arrives in that order. NATS keeps what is sent while it is away for a moment, in the
// bounds of the adapter; once the other nodes count as down, they have no members to send to.
//
// OTP: [Pid ! M || Pid <- pg:get_members(G)].
func (m Message[M, T]) SendAll(to Group, v T) error {
	a := to.audience()
	var failed fault
	if len(a.here) > 0 {
		give := m.giver(v)
		for _, pid := range a.here {
			failed.note(give(pid))
		}
	}
	if len(a.nodes) > 0 {
		out, err := m.encode(to, v)
		if err != nil {
			failed.note(err)
		}
		for i := 0; err == nil && i < len(a.nodes); i++ {
			failed.note(to.at.mail(a.nodes[i].node, out))
		}
	}
	return failed.of(m.Name, to)
}

// SendOne sends v to one member of the group, on any node: each is as likely as the others, and
// one that has joined twice twice as likely. If it cannot be sent, because a mailbox or the way
// to a node is full, another member gets it. It fails with an error that wraps [ErrNoMembers] if
// there is none, and with the last member's error if none can be sent it.
//
// On another node one of the group's members gets it, whichever is there when it arrives. As with
// SendAll, nil does not say that it does: until the crash of a node is noticed, which takes
// nats.Adapter five seconds, its members' share is lost. What must not be lost wants an answer:
// see nats.Method.
func (m Message[M, T]) SendOne(to Group, v T) error {
	a := to.audience()
	left := len(a.here) + a.far()
	if left == 0 {
		return fmt.Errorf("group: send %q to one of %v: %w", m.Name, to, ErrNoMembers)
	}
	var give func(actor.PID) error
	var out *mail
	var err error
	for ; left > 0; left = len(a.here) + a.far() {
		pick := rand.IntN(left)
		if pick < len(a.here) {
			if give == nil {
				give = m.giver(v)
			}
			if err = give(a.here[pick]); err == nil {
				return nil
			}
			a.drop(pick)
			continue
		}
		if out == nil {
			encoded, failed := m.encode(to, v)
			if err = failed; err != nil {
				a.nodes = nil
				continue
			}
			encoded.one = true
			out = &encoded
		}
		i := a.nodeOf(pick - len(a.here))
		if err = to.at.mail(a.nodes[i].node, *out); err == nil {
			return nil
		}
		a.dropNode(i)
	}
	return fmt.Errorf("group: send %q to one of %v: %w", m.Name, to, err)
}

// giver returns what sends v to an actor of this node, without waiting.
func (m Message[M, T]) giver(v T) func(actor.PID) error {
	msg := m.Make(v)
	return func(pid actor.PID) error {
		ref, ok := actor.RefOf[M](pid)
		if !ok {
			return errOther
		}
		return ref.TrySend(msg)
	}
}

func (m Message[M, T]) codec(e pubsub.Encoding) pubsub.Codec[T] {
	if m.Codec != nil {
		return m.Codec
	}
	return pubsub.CodecOf[T](e)
}

// encode returns what travels.
func (m Message[M, T]) encode(to Group, v T) (mail, error) {
	out, err := to.at.encode(func(e pubsub.Encoding) (mail, error) {
		c := m.codec(e)
		name, err := pubsub.NameOf(c)
		if err != nil {
			return mail{}, err
		}
		body, err := c.Encode(m.Name, v)
		return mail{name: m.Name, codec: name, body: body}, err
	})
	if err != nil {
		return mail{}, fmt.Errorf("encode: %w", err)
	}
	return out, nil
}

// fault is what has become of a message that went to many.
type fault struct {
	failed int
	first  error
}

func (f *fault) note(err error) {
	if err == nil {
		return
	}
	if f.failed++; f.first == nil {
		f.first = err
	}
}

func (f *fault) of(name string, to Group) error {
	switch f.failed {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("group: send %q to %v: %w", name, to, f.first)
	}
	return fmt.Errorf("group: send %q to %v: %d errors, the first: %w", name, to, f.failed, f.first)
}

// Served is a [Message], as one of several for a set's members.
type Served interface {
	served() (*servedMessage, error)
}

// servedMessage is how a node takes one message of other nodes.
type servedMessage struct {
	name  string
	calls foreign.Calls // of the codec and Make
	open  func(e pubsub.Encoding, in mail) (give func(actor.PID) error, err error)
}

// How long users' code may keep a message waiting that comes from another node, and how much of
// one kind may hang before no more of it is called.
const (
	openFor  = time.Second
	openMost = 4
)

func (m Message[M, T]) served() (*servedMessage, error) {
	switch {
	case m.Name == "":
		return nil, errors.New("a message needs a name")
	case strings.Contains(m.Name, codecMark):
		return nil, fmt.Errorf("message %q: the name has a zero byte", m.Name)
	case m.Make == nil:
		return nil, fmt.Errorf("message %q: Make is nil", m.Name)
	}
	e := &servedMessage{name: m.Name, open: func(e pubsub.Encoding, in mail) (func(actor.PID) error, error) {
		v, err := pubsub.DecodeNamed(m.codec(e), in.codec, m.Name, in.body)
		if err != nil {
			return nil, err
		}
		return m.giver(v), nil
	}}
	e.calls.Limit, e.calls.Most = openFor, openMost
	if m.Codec != nil {
		err := e.calls.Do(func() error {
			_, err := pubsub.NameOf(m.Codec)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("message %q: the codec: %w", m.Name, err)
		}
	}
	return e, nil
}

// table has the messages that a set serves. It is replaced, not changed.
type table struct {
	mu     sync.Mutex
	byName atomic.Pointer[map[string]*servedMessage]
}

func (t *table) find(name string) *servedMessage {
	if m := t.byName.Load(); m != nil {
		return (*m)[name]
	}
	return nil
}

// Serve has the members of this node get the given messages of other nodes. It is for the start
// of the program: until then they are lost, and counted. Messages of this node need no Serve. It
// fails, and changes nothing, if a message has no Name or no Make, or the name of another one, or
// if the name of its Codec is too long.
func (s *Set[G]) Serve(messages ...Served) error {
	var list []*servedMessage
	for _, m := range messages {
		if m == nil {
			return errors.New("group: serve: a message is nil")
		}
		e, err := m.served()
		if err != nil {
			return fmt.Errorf("group: serve: %w", err)
		}
		list = append(list, e)
	}
	t := &s.served
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[string]*servedMessage)
	if m := t.byName.Load(); m != nil {
		maps.Copy(next, *m)
	}
	for _, e := range list {
		if next[e.name] != nil {
			return fmt.Errorf("group: serve: message %q is served already", e.name)
		}
		next[e.name] = e
	}
	t.byName.Store(&next)
	return nil
}
