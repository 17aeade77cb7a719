package nats

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// simBus is a NATS cluster without JetStream, in the time of a bubble. The programs use it by
// the client that they use otherwise, which speaks NATS's protocol over connections that a
// [place] has trouble with. The bus does what core NATS promises and no more: what comes by one
// connection goes out in its order, at most once, and is lost with a connection.
//
// Two things the client does while it holds its lock, on which time would stand still in a
// bubble: it writes, so a write never waits, as if the system had room; and it connects, so
// that succeeds or fails at once.
type simBus struct {
	mu    sync.Mutex
	conns map[*simConn]bool
	said  int                     // messages that have come to a server
	away  time.Time               // until then there is no server
	split map[[2]string]time.Time // until then nothing goes from one place's server to the other's
}

func newSimBus() *simBus {
	return &simBus{conns: make(map[*simConn]bool), split: make(map[[2]string]time.Time)}
}

const simURL = "nats://127.0.0.1:4222" // where nobody asks

// from returns the option by which a program at a place connects.
func (b *simBus) from(p *place) nats.Option { return nats.SetCustomDialer(simDialer{b, p}) }

// restart has all servers be away for a while. What is in them is lost.
func (b *simBus) restart(away time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = time.Now().Add(away)
	for c := range b.conns {
		c.reset()
	}
	clear(b.conns)
}

// cut has a place be cut off for a while.
func (b *simBus) cut(p *place, d time.Duration) {
	p.set(&p.cut, d)
	b.sever(p)
}

// sever has the connections of a place be lost, with what is on its way.
func (b *simBus) sever(p *place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		if c.place == p {
			c.reset()
			delete(b.conns, c)
		}
	}
}

// part has the servers of two places not reach each other for a while: programs that are
// connected do not hear each other.
func (b *simBus) part(x, y *place, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := time.Now().Add(d)
	b.split[[2]string{x.name, y.name}], b.split[[2]string{y.name, x.name}] = until, until
}

// heal has the servers be there, and reach each other. It reports whether some did not until
// now, or so lately that no node may have noticed the end yet.
func (b *simBus) heal() (parted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = time.Time{}
	for _, until := range b.split {
		parted = parted || time.Since(until) < defaultTimes.beat+100*time.Millisecond
	}
	clear(b.split)
	return parted
}

// route passes a message on to those that have subscribed to its subject.
func (b *simBus) route(from *simConn, subject, reply string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := false
	b.said++
	for c := range b.conns {
		if c == from && !c.echo || time.Now().Before(b.split[[2]string{from.place.name, c.place.name}]) {
			continue
		}
		for sid, wanted := range c.subs {
			if simMatches(wanted, subject) {
				heard = true
				c.back.put(simMessage(subject, sid, reply, data))
			}
		}
	}
	if sid := from.wants(reply); !heard && sid != "" {
		from.back.put([]byte("HMSG " + reply + " " + sid + " 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"))
	}
}

func simMessage(subject, sid, reply string, data []byte) []byte {
	if reply != "" {
		reply += " "
	}
	b := fmt.Appendf(nil, "MSG %s %s %s%d\r\n", subject, sid, reply, len(data))
	return append(append(b, data...), "\r\n"...)
}

func simMatches(wanted, subject string) bool {
	for {
		w, wRest, wMore := strings.Cut(wanted, ".")
		s, sRest, sMore := strings.Cut(subject, ".")
		switch {
		case w == ">":
			return true
		case w != "*" && w != s || wMore != sMore:
			return false
		case !wMore:
			return true
		}
		wanted, subject = wRest, sRest
	}
}

// forgetTimers has the client forget the timers that it keeps for all of the process, in a pool:
// those of one bubble are of no use in another. What is in a pool is gone after two collections.
func forgetTimers() {
	runtime.GC()
	runtime.GC()
}

type simDialer struct {
	bus   *simBus
	place *place
}

var errSimDown = errors.New("no server can be reached")

// Dial implements [nats.CustomDialer].
func (d simDialer) Dial(string, string) (net.Conn, error) {
	b := d.bus
	b.mu.Lock() // a connection that is made while the place is cut off, or killed, is severed after that
	defer b.mu.Unlock()
	cut, _ := d.place.is(&d.place.cut)
	stalled, _ := d.place.is(&d.place.stalled)
	if cut || stalled || !d.place.acts() || time.Now().Before(b.away) {
		return nil, errSimDown
	}
	c := &simConn{bus: b, place: d.place, subs: make(map[string]string), echo: true, news: make(chan struct{}, 1)}
	c.there = newSimLane(c, "there", c.serve)
	c.back = newSimLane(c, "back", func(b []byte) {
		c.place.pass()
		c.hand(b)
	})
	c.hand([]byte(`INFO {"server_id":"sim","version":"2.15.0","proto":1,"headers":true,"max_payload":1048576}` + "\r\n"))
	b.conns[c] = true
	return c, nil
}

// simConn is a connection, as the client has it.
type simConn struct {
	bus         *simBus
	place       *place
	there, back *simLane

	subs map[string]string // by ID; guarded by the bus
	echo bool              // likewise

	mu     sync.Mutex
	wrote  []byte // and that is no whole line of the protocol yet
	come   []byte // and that the client has not read
	closed bool   // by the client
	lost   bool
	news   chan struct{}
}

// wants returns the ID of the subscription for a reply.
func (c *simConn) wants(reply string) string {
	for sid, wanted := range c.subs {
		if reply != "" && simMatches(wanted, reply) {
			return sid
		}
	}
	return ""
}

// Write implements [net.Conn].
func (c *simConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.lost {
		return 0, net.ErrClosed
	}
	c.wrote = append(c.wrote, b...)
	for {
		op, rest := cutSimOp(c.wrote)
		if op == nil {
			return len(b), nil
		}
		c.wrote = rest
		if bytes.HasPrefix(op, []byte("CONNECT")) { // and the PING that follows at once
			c.come = append(c.come, "PONG\r\n"...)
			c.wrote = bytes.TrimPrefix(c.wrote, []byte("PING\r\n"))
			wake(c.news)
		}
		c.there.put(bytes.Clone(op))
	}
}

// cutSimOp returns the first operation in b, or nil if it is not whole.
func cutSimOp(b []byte) (op, rest []byte) {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return nil, b
	}
	n := end + 2
	if line := string(b[:end]); strings.HasPrefix(line, "PUB ") || strings.HasPrefix(line, "HPUB ") {
		size, err := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
		if err != nil {
			panic(err)
		}
		n += size + 2
	}
	if len(b) < n {
		return nil, b
	}
	return b[:n], b[n:]
}

// serve does what the client has asked for, when that has come to the server.
func (c *simConn) serve(op []byte) {
	line, data, _ := bytes.Cut(op, []byte("\r\n"))
	words := strings.Fields(string(line))
	switch words[0] {
	case "PING":
		c.back.put([]byte("PONG\r\n"))
	case "PONG":
	case "CONNECT":
		c.bus.mu.Lock()
		defer c.bus.mu.Unlock()
		c.echo = !strings.Contains(words[1], `"echo":false`)
	case "SUB":
		c.bus.mu.Lock()
		defer c.bus.mu.Unlock()
		c.subs[words[len(words)-1]] = words[1]
	case "UNSUB": // at once, or after the first, which the client counts itself
		if len(words) == 2 {
			c.bus.mu.Lock()
			defer c.bus.mu.Unlock()
			delete(c.subs, words[1])
		}
	case "PUB":
		reply := ""
		if len(words) == 4 {
			reply = words[2]
		}
		c.bus.route(c, words[1], reply, data[:len(data)-2])
	default:
		panic("the bus does not understand " + string(line))
	}
}

// hand has the client read bytes.
func (c *simConn) hand(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !c.lost {
		c.come = append(c.come, b...)
		wake(c.news)
	}
}

// Read implements [net.Conn].
func (c *simConn) Read(b []byte) (int, error) {
	for {
		c.mu.Lock()
		n, over := copy(b, c.come), c.closed || c.lost
		c.come = c.come[n:]
		c.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case over:
			return 0, net.ErrClosed
		}
		<-c.news
	}
}

// reset loses the connection. The bus's lock is held.
func (c *simConn) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost, c.come = true, nil
	wake(c.news)
	c.there.end()
	c.back.end()
}

// Close implements [net.Conn]. What has been written comes through, if the way does not fail,
// and then the server knows.
func (c *simConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !c.lost {
		c.there.last(func() {
			c.bus.mu.Lock()
			defer c.bus.mu.Unlock()
			delete(c.bus.conns, c)
			c.back.end()
		})
	}
	c.closed = true
	wake(c.news)
	return nil
}

func (c *simConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *simConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *simConn) SetDeadline(time.Time) error      { return nil }
func (c *simConn) SetReadDeadline(time.Time) error  { return nil }
func (c *simConn) SetWriteDeadline(time.Time) error { return nil }

// simLane is one direction of a connection: what is put there arrives in its order, each after
// a while.
type simLane struct {
	conn   *simConn
	name   string
	arrive func([]byte)

	mu    sync.Mutex
	list  []simParcel
	after time.Time // when the last one arrives
	over  bool      // nothing arrives any more
	wake  chan struct{}
}

type simParcel struct {
	data []byte
	last func() // of the last one, that has no data
	at   time.Time
	held bool // by a program that is paused
}

func newSimLane(c *simConn, name string, arrive func([]byte)) *simLane {
	l := &simLane{conn: c, name: name, arrive: arrive, wake: make(chan struct{}, 1)}
	go l.run()
	return l
}

func (l *simLane) put(data []byte) { l.add(simParcel{data: data}) }
func (l *simLane) last(f func())   { l.add(simParcel{last: f}) }

func (l *simLane) add(p simParcel) {
	held := l.name == "there" && !l.conn.place.acts() && l.conn.place.alive()
	l.mu.Lock()
	defer l.mu.Unlock()
	p.at, p.held = time.Now().Add(upTo(l.conn.place.chance(l.name), 20*time.Millisecond)), held
	if p.at.Before(l.after) {
		p.at = l.after
	}
	l.after = p.at
	l.list = append(l.list, p)
	wake(l.wake)
}

// end loses what is on its way.
func (l *simLane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	wake(l.wake)
}

func (l *simLane) next() (p simParcel, over bool) {
	for {
		l.mu.Lock()
		n, over := len(l.list), l.over
		if !over && n > 0 {
			p, l.list = l.list[0], l.list[1:]
		}
		l.mu.Unlock()
		if over || n > 0 {
			return p, over
		}
		<-l.wake
	}
}

func (l *simLane) run() {
	for {
		p, over := l.next()
		if over {
			return
		}
		if p.held {
			l.conn.place.pass()
		}
		time.Sleep(time.Until(p.at))
		l.conn.place.unstall()
		l.mu.Lock()
		over = l.over
		l.mu.Unlock()
		switch {
		case over:
			return
		case p.last != nil:
			p.last()
			return
		}
		l.arrive(p.data)
	}
}
