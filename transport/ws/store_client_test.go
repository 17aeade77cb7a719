package ws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// storeClient is a client of the model of a topic with a store.
type storeClient struct {
	*plot
	memoryClient
	counts bool // it says what it has got of what is pushed
	gap    bool // it knows that it has missed something, and not how far that goes
	ill    bool // the store was ill when it joined
	out    bool // it must join again
	away   int  // rounds until it has a connection again; 0: it has one

	tokens     []string // that it was given for its present channel
	answer     int      // the number of the last answer that it has got from that
	joinedHere bool     // over the present connection
	due        *tenant  // the one that it is to get back by its present join
	owed       int      // the answers of that one so far

	lied   bool // it has said something wrong of what it has got of that, and has got nothing since
	tenant int  // the number of the handler
	pushes int  // that it has got of that
	torn   bool // something of that is lost behind them
	crowd  Crowd
}

// acts has the client do something or have something done to it. What is returned may run beside
// what other clients do.
func (c *storeClient) acts() (act func(), err error) {
	node, slow, rnd := c.rnd.IntN(2), c.rnd.IntN(4) == 0, c.rnd
	nothing := func() {}
	if c.away > 0 {
		if c.away--; c.away > 0 {
			return nothing, nil
		}
		c.prepares()
		known := !slices.ContainsFunc(c.ghosts, func(g ghost) bool { return g.of == c }) // here, not beside other acts
		return func() { c.connect(node, slow, known) }, nil
	}
	switch kind := rnd.IntN(12); {
	case kind < 4:
		err = c.lose(rnd.IntN(5))
		if rnd.IntN(3) == 0 {
			c.away = 1 + rnd.IntN(3)
		}
	case kind < 6:
		err = c.swallow(rnd.IntN(5))
	default:
		if err = c.read(-1); err != nil {
			return nothing, err
		}
		if c.conn.fills(c.slow && rnd.IntN(2) == 0); c.out {
			if c.feint = (feint{}); kind == 6 {
				err = c.lose(-1)
				break
			}
			return c.joinAgain, nil
		}
		r := c.tenants.of(c.tenant)
		switch {
		case r == nil: // it has not got in yet
		case kind < 9 && !c.strict():
			return func() { r.push(2) }, nil
		case kind <= 9:
			return func() { r.channel.Ref().Send(2) }, nil
		case kind == 10 && rnd.IntN(4) == 0:
			return func() { r.channel.Ref().Send(errors.New("crash")) }, nil
		}
		return nothing, nil
	}
	pushes := func() {}
	if r := c.tenants.of(c.tenant); r != nil && rnd.IntN(2) == 0 { // to the channel of before
		if pushes = func() { r.push(1) }; c.strict() {
			pushes = func() { r.channel.Ref().Send(1) }
		}
	}
	c.lay(rnd.IntN(len(c.ghosts) + 1))
	if c.away > 0 {
		return pushes, err
	}
	c.prepares()
	return func() {
		c.connect(node, slow, false)
		pushes()
	}, err
}

// prepares decides what the client sends at its next join. It may be that it has kept a position
// for long, behind which it wants all once more.
func (c *storeClient) prepares() {
	c.feint = c.feigns(c.rnd)
	c.lied = c.lied || c.feint.got != ""
	if c.rnd.IntN(8) == 0 && c.last.Epoch == c.epoch {
		c.last.Offset = c.rnd.Uint64N(c.last.Offset + 1)
	}
}

// lose is cut for a client that may have a channel.
func (c *storeClient) lose(n int) error {
	err := c.read(n)
	if r := c.tenants.of(c.tenant); r != nil && c.joinedHere {
		r.loses()
	}
	hangUp(c.session)
	return err
}

// strict reports whether the handler intercepts what is broadcast. What other goroutines push while
// its HandleOut runs is taken for a part of that, so they do not.
func (c *storeClient) strict() bool { return strings.HasPrefix(c.topic, "own:") }

// swallow has the client lose its connection, as cut, and the server not notice.
func (c *storeClient) swallow(n int) error {
	c.ghosts = append(c.ghosts, ghost{c.session, c})
	return c.read(n)
}

// connect opens a connection to a node and joins. late says that the server has had time to see
// that all those before are lost.
func (c *storeClient) connect(node int, slow, late bool) {
	c.out, c.joinedHere, c.slow, c.ill = false, false, slow, c.plot.ill || c.hanging.Load() > 0
	c.expects(c.nodes[node], late)
	if err := c.join(c.nodes[node], c.topic); err != nil {
		c.t.Error(err)
	}
}

// joinAgain joins over the same connection.
func (c *storeClient) joinAgain() {
	c.out, c.joinedHere, c.ill = false, false, c.plot.ill || c.hanging.Load() > 0
	c.expects(c.session.endpoint, false)
	c.ask(c.topic)
}

// expects finds out whether the client is to get its channel back: if that lives on the node, and
// the token is the last that it has given; or one before, if those since were lost with connections
// that the server knows to be lost.
func (c *storeClient) expects(e *Endpoint, late bool) {
	r := c.tenants.of(c.tenant)
	if c.due = nil; c.linger == 0 || r == nil || c.feint.token != "" || r.channel.Endpoint() != e || !c.tenants.lives(c.tenant) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.owed = r.answers; late || c.answer == c.owed {
		c.due = r
	}
}

// isBarred returns an error if the client was to get its channel back, and has another one.
func (c *storeClient) isBarred() error {
	if c.due == nil {
		return nil
	}
	lives := c.tenants.lives(c.due.number)
	c.due.mu.Lock()
	defer c.due.mu.Unlock()
	if c.due.answers == c.owed && (lives || c.due.end == Lingered) {
		return fmt.Errorf("not resumed, though %d was there: %v", c.due.number, c.due.end)
	}
	return nil
}

func (c *storeClient) takes(ref, event, payload string) error {
	if is, err := c.crowd.Hears(event, payload); is {
		c.notes(ref)
		return err
	}
	at, unknown := ParsePosition(ref)
	switch {
	case c.out && event != "phx_reply" && event != "pushed": // which another goroutine may have done just then
		return errors.New("behind the channel's end")
	case event == "phx_reply":
		return c.joined(payload)
	case event == "phx_error":
		c.out = true
		return nil
	case event == "pushed":
		return c.pushed(ref, payload)
	case event == "phx_position" && unknown != nil:
		c.gap = true
	case event == "phx_position":
		c.last, c.gap = at, false
	case event == "phx_recovery":
		return c.recovers(at, unknown, strings.Contains(payload, `"complete":true`))
	case event != "n" || unknown != nil:
		return errors.New("not expected")
	case at.Epoch == c.last.Epoch && at.Offset <= c.last.Offset:
		return errors.New("again, or out of order")
	case !c.gap && (at.Epoch != c.last.Epoch || c.between(at.Epoch, c.last.Offset, at.Offset) > 0):
		return errors.New("a message was left out, and nothing was said")
	default:
		c.last, c.gap = at, false
		return c.isTrue(at, payload)
	}
	return nil
}

// joined takes in the answer to a join.
func (c *storeClient) joined(payload string) error {
	var reply struct {
		Status   string
		Response struct {
			fromTenant
			Resumed bool
			Token   string `json:"resume_token"`
			Reason  string
		}
	}
	if err := json.Unmarshal([]byte(payload), &reply); err != nil {
		return err
	}
	r := reply.Response
	switch {
	case reply.Status != "ok":
		c.out = true
		if slices.Contains([]string{"messages are lost, join again", "not again", "join crashed"}, r.Reason) {
			return nil
		}
		return errors.New("no client is refused with that")
	case !r.Resumed:
		c.tenant, c.pushes, c.got, c.tokens, c.lied = r.ID, 0, c.nothing(), nil, false
		c.tenants.of(r.ID).meets()
		if err := c.isBarred(); err != nil {
			return err
		}
	case c.feint.token != "":
		return errors.New("resumed by a token that does not hold")
	case r.ID != c.tenant:
		return fmt.Errorf("that is not the channel %d", c.tenant)
	case c.lied: // it gets all that was kept once more, or nothing
		c.pushes, c.torn = 0, true
	case c.counts && !r.Complete:
		return errors.New("not complete, though all that was pushed is kept")
	}
	c.torn = c.torn && r.Resumed || !r.Complete
	c.token, c.tokens, c.answer, c.joinedHere = r.Token, append(c.tokens, r.Token), r.N, true
	c.crowd.Joined()
	return nil
}

// nothing is what the client sends as what it has got, when that is nothing.
func (c *storeClient) nothing() string { return map[bool]string{true: "null"}[c.counts] }

// notes has the client know that it has got a push.
func (c *storeClient) notes(ref string) {
	if c.counts && strings.HasPrefix(ref, "~") {
		c.got, c.lied = strconv.Quote(ref), false
	}
}

// pushed takes in what its tenant has pushed.
func (c *storeClient) pushed(ref, payload string) error {
	var p fromTenant
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return err
	}
	if p.ID != c.tenant || p.N <= c.pushes || p.N != c.pushes+1 && !c.torn {
		return fmt.Errorf("after %d pushes of %d", c.pushes, c.tenant)
	}
	c.pushes, c.torn = p.N, false
	c.notes(ref)
	return nil
}

// recovers takes in what becomes of what was missed.
func (c *storeClient) recovers(at Position, unknown error, complete bool) error {
	last, lost := c.store.Top(c.topic)
	must := c.ill || c.last.Epoch != c.epoch || c.last.Offset < lost ||
		c.between(c.epoch, c.last.Offset, last+1) > historySize
	switch {
	case complete && (at != c.last || c.gap):
		return errors.New("complete, and from elsewhere")
	case complete && c.feint.since != "":
		return errors.New("complete, and there is no such position")
	case !complete && !must && c.feint.since == "":
		return errors.New("not complete, though all is there")
	case unknown != nil:
		c.gap = true
	default:
		c.last, c.gap = at, false
	}
	return nil
}

// isTrue checks a message against what the store was given.
func (c *storeClient) isTrue(at Position, payload string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.truth[at.Epoch] {
		if r.Offset == at.Offset && strings.HasSuffix(string(r.Data), payload) {
			return nil
		}
	}
	return errors.New("it is not what the store has there")
}

// upToDate reports what the client does not know, though all has gone well for long enough.
func (c *storeClient) upToDate() error {
	last, _ := c.store.Top(c.topic)
	if c.out || !c.gap && c.between(c.epoch, c.last.Offset, last+1) > 0 || last > 0 && c.last.Epoch != c.epoch {
		return fmt.Errorf("a client is at %v (out: %t, gap: %t), and the store at %v", c.last, c.out, c.gap, Position{c.epoch, last})
	}
	if r := c.tenants.of(c.tenant); r == nil || c.pushes != r.pushed {
		return fmt.Errorf("a client has got %d pushes of %d: %+v", c.pushes, c.tenant, r)
	}
	if there := c.present(c.session.endpoint); !slices.Equal(c.crowd.Sees(), there) {
		return fmt.Errorf("a client sees %v, and there are %v", c.crowd.Sees(), there)
	}
	return nil
}
