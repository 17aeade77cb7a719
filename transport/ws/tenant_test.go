package ws

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// tenant is the handler of a channel of a model. It numbers what it pushes, and is present.
type tenant struct {
	in     *tenants
	number int
	topic  string

	channel *Channel
	mu      sync.Mutex // of what follows; pushes are numbered in the order in which they go out
	pushed  int
	answers int       // to joins that have let the client in
	known   bool      // the client has got the first of them
	lost    time.Time // when its client was last seen to be lost
	end     error     // why it has ended
}

// strictTenant sees all of what its client gets.
type strictTenant struct{ tenant }

func (*strictTenant) Intercepts() []string { return []string{"n"} }
func (*strictTenant) HandleOut(c *Channel, event string, in Payload) error {
	return c.Push(event, in)
}

// tenants are all those of a model.
type tenants struct {
	attendant func(*Channel) Attendant
	linger    time.Duration

	mu      sync.Mutex
	leaving bool // the nodes end
	all     map[int]*tenant
	resumed int
	fault   error
}

// fromTenant is what a tenant answers to joins, and pushes.
type fromTenant struct {
	ID       int  // of the tenant
	N        int  // of the push, or of the answer
	Complete bool // in an answer: all that was pushed before comes
}

func (r *tenant) Join(c *Channel, topic string, _ Payload) (any, error) {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	r.number, r.channel, r.topic = len(r.in.all)+1, c, topic
	r.in.all[r.number] = r
	r.in.attendant(c).Enter(c, strconv.Itoa(r.number), Meta{r.number})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer(true), nil
}

// answer lets the client in.
func (r *tenant) answer(complete bool) fromTenant {
	r.answers++
	return fromTenant{ID: r.number, N: r.answers, Complete: complete}
}

func (r *tenant) Resumed(c *Channel, resumed Resumption) (any, error) {
	r.in.mu.Lock()
	r.in.resumed++
	kind := r.in.resumed % 16
	r.in.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.end != nil:
		r.in.blame(errors.New("a channel was resumed that had ended"))
	case kind == 15:
		return nil, errors.New("crash")
	case kind == 7:
		return nil, Refuse(Reason("not again"))
	}
	if err := r.in.attendant(c).PushState(c); err != nil {
		return nil, err
	}
	return r.answer(resumed.Complete), nil
}

func (r *tenant) HandleIn(*Channel, string, Payload) (Reply, error) { return NoReply, nil }

// HandleInfo pushes so many messages, or crashes.
func (r *tenant) HandleInfo(_ *Channel, msg any) error {
	if n, ok := msg.(int); ok {
		r.push(n)
		return nil
	}
	return msg.(error)
}

// Terminate checks that the channel has waited for its client, not less long than it should.
func (r *tenant) Terminate(_ *Channel, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = reason
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	switch waited := time.Since(r.lost); {
	case r.in.linger == 0:
	case reason == Closed && r.known && !r.in.leaving:
		r.in.fault = fmt.Errorf("the channel %d was closed, and should have lingered", r.number)
	case reason == Lingered && waited < r.in.linger:
		r.in.fault = fmt.Errorf("the channel %d has lingered for %v", r.number, waited)
	}
}

// meets notes that the client knows that it is in: from now on its channel lingers.
func (r *tenant) meets() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = true
}

// loses notes that the connection of the channel's client is known to be lost from now on.
func (r *tenant) loses() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = time.Now()
}

// push pushes so many messages. It may run on any goroutine.
func (r *tenant) push(n int) {
	for range n {
		r.mu.Lock()
		if r.channel.Push("pushed", fromTenant{ID: r.number, N: r.pushed + 1}) == nil {
			r.pushed++
		}
		r.mu.Unlock()
	}
}

func (in *tenants) blame(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fault = err
}

// of returns a tenant, or nil.
func (in *tenants) of(number int) *tenant {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.all[number]
}

// lives reports whether a tenant's channel has not ended.
func (in *tenants) lives(number int) bool {
	r := in.of(number)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end == nil && r.channel.PID().Alive()
}

// on returns those on a topic of a node whose channels live.
func (in *tenants) on(topic string, e *Endpoint) (numbers []int) {
	in.mu.Lock()
	all := slices.Sorted(maps.Keys(in.all))
	in.mu.Unlock()
	return slices.DeleteFunc(all, func(number int) bool {
		r := in.of(number)
		return r.topic != topic || r.channel.Endpoint() != e || !in.lives(number)
	})
}
