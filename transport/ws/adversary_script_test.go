package ws_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// author writes the scripts of an adversary.
type author struct {
	rnd  *rand.Rand
	mode mode
	name string

	// early says whether a client may send before it hears that it is connected. An
	// httputil.ReverseProxy loses that.
	early bool

	life  int              // the present one
	count int              // of its broadcasts
	heard map[string]shout // the broadcasts that may arrive
}

// lives are connections of an adversary, one after another.
type lives []life

// life is what an adversary does on one connection.
type life struct {
	mount   string
	early   bool   // it sends without waiting for the answer to its handshake
	request int    // how much of the handshake it sends; 0 for all
	sent    []byte // frames, or what looks like them
	chop    int    // bytes of a write
	slow    bool   // it lets time pass between writes
	reads   reading
	ends    ending
}

type reading int

const (
	readsAll    reading = iota
	readsLittle         // in the beginning, slowly
	readsNothing
)

type ending int

const (
	closes     ending = iota
	resets            // it closes with RST
	halfCloses        // it says that it sends no more, and reads on for a while
	lingers           // it goes silent for a while before it closes
	waits             // it reads until the server closes
)

func (a *author) oneIn(n int) bool { return a.rnd.IntN(n) == 0 }

// script writes lives over WebSockets.
func (a *author) script() (all lives) {
	for a.life = range 1 + a.rnd.IntN(4) {
		a.count = 0
		all = append(all, a.write())
	}
	return all
}

func (a *author) write() life {
	l := life{
		mount: []string{"/socket", "/tight"}[a.rnd.IntN(2)],
		early: a.early && a.oneIn(4),
		chop:  []int{1 << 20, 1 << 20, 4096, 997, 97}[a.rnd.IntN(5)],
		slow:  a.oneIn(4),
		reads: []reading{readsAll, readsAll, readsLittle, readsNothing}[a.rnd.IntN(4)],
		ends:  ending(a.rnd.IntN(4)),
	}
	if a.oneIn(10) {
		l.request = 1 + a.rnd.IntN(150)
		return l
	}
	for _, room := range arenaRooms {
		if !a.oneIn(4) {
			l.sent = append(l.sent, a.message(fmt.Sprintf(`["j","j",%q,"phx_join",{}]`, room))...)
		}
	}
	for range a.rnd.IntN(12) {
		l.sent = append(l.sent, a.act()...)
	}
	if l.reads == readsNothing && a.oneIn(4) { // more answers than the kernel has room for
		l.chop, l.ends = 1<<20, lingers
		echo := fmt.Sprintf(`["j","1",%q,"echo",%q]`, arenaRooms[a.rnd.IntN(2)], strings.Repeat("x", 50_000))
		l.sent = append(l.sent, slices.Repeat(a.frame(rawclient.Fin|0x1, echo), 60)...)
		return l
	}
	switch a.rnd.IntN(5) {
	case 0:
		l.sent = append(l.sent, rawclient.Closing(1000+a.rnd.IntN(2), "bye")...)
		l.ends = []ending{closes, resets, waits}[a.rnd.IntN(3)]
	case 1, 2:
		l.sent = append(l.sent, a.cut()...)
	case 3:
		l.sent = append(l.sent, a.violation()...)
		for range a.rnd.IntN(3) { // this must not arrive any more
			_, bytes := a.shout()
			l.sent = append(l.sent, bytes...)
		}
		if l.reads == readsAll && a.oneIn(2) {
			l.ends = waits
		}
	}
	return l
}

// act is something that a client may do.
func (a *author) act() []byte {
	room := arenaRooms[a.rnd.IntN(2)]
	push := func(event, payload string) []byte {
		return a.message(fmt.Sprintf(`["j","1",%q,%q,%s]`, room, event, payload))
	}
	switch a.rnd.IntN(14) {
	case 0:
		return push("echo", payloadOf(a.name, 0, unique(a.name, a.rnd.IntN(50))))
	case 1:
		return push("phx_leave", `{}`)
	case 2:
		return push("phx_join", `{}`)
	case 3:
		return push("crash", `{}`)
	case 4:
		return push("what", strings.Repeat("[", 500)+strings.Repeat("]", 500))
	case 5:
		return a.message(`[null,"h","phoenix","heartbeat",{}]`)
	case 6:
		return slices.Repeat(a.frame(rawclient.Fin|0x9, strings.Repeat("p", a.rnd.IntN(126))), 1+a.rnd.IntN(50))
	case 7:
		return a.frame(rawclient.Fin|0xa, "")
	}
	m, bytes := a.shout()
	a.heard[fmt.Sprint(a.name, ".", a.life, ".", a.count)] = m
	return bytes
}

// shout writes a broadcast, which does not arrive unless it is noted.
func (a *author) shout() (shout, []byte) {
	m, by := a.broadcast()
	payload := payloadOf(by, a.count, m.text)
	if a.oneIn(2) {
		return m, a.fragments(0x2, binaryPush("j", "1", m.topic, "shout", payload))
	}
	return m, a.message(fmt.Sprintf(`["j","1",%q,"shout",%s]`, m.topic, payload))
}

func (a *author) broadcast() (m shout, by string) {
	a.count++
	by = fmt.Sprint(a.name, ".", a.life)
	size := a.rnd.IntN(30)
	if a.oneIn(15) {
		size *= 100
	}
	return shout{arenaRooms[a.rnd.IntN(2)], unique(fmt.Sprint(by, ".", a.count), size)}, by
}

// binaryPush is a binary message of version 2 of the protocol.
func binaryPush(joinRef, ref, topic, event, payload string) string {
	head := []byte{0, byte(len(joinRef)), byte(len(ref)), byte(len(topic)), byte(len(event))}
	return string(head) + joinRef + ref + topic + event + payload
}

func (a *author) message(text string) []byte { return a.fragments(0x1, text) }

// fragments writes a message in frames, perhaps compressed, with control frames and
// empty continuations between them.
func (a *author) fragments(opcode byte, text string) (b []byte) {
	if a.mode.deflate && a.oneIn(2) {
		return a.masked(rawclient.Message(opcode, true, splitAtRandom(a.rnd, text)...))
	}
	parts := splitAtRandom(a.rnd, text)
	for i, part := range parts {
		if i == len(parts)-1 {
			opcode |= rawclient.Fin
		}
		b = append(b, a.frame(opcode, part)...)
		if opcode = 0; i < len(parts)-1 {
			switch a.rnd.IntN(4) {
			case 0:
				b = append(b, a.frame(rawclient.Fin|0x9, "between")...)
			case 1:
				b = append(b, slices.Repeat(a.frame(0, ""), a.rnd.IntN(30))...)
			}
		}
	}
	return b
}

// frame is a frame with a mask of its own.
func (a *author) frame(first byte, payload string) []byte {
	return a.masked(rawclient.Frame(first, payload))
}

// masked masks frames anew.
func (a *author) masked(frames []byte) []byte {
	for rest := frames; len(rest) > 0; {
		head, size := 2, int(rest[1]&0x7f)
		switch size {
		case 126:
			head, size = 4, int(binary.BigEndian.Uint16(rest[2:]))
		case 127:
			head, size = 10, int(binary.BigEndian.Uint64(rest[2:]))
		}
		var change [4]byte
		binary.NativeEndian.PutUint32(change[:], a.rnd.Uint32())
		for i := range 4 {
			rest[head+i] ^= change[i]
		}
		rest = rest[head+4:]
		for i := range size {
			rest[i] ^= change[i%4]
		}
		rest = rest[size:]
	}
	return frames
}

// cut is a part of a broadcast.
func (a *author) cut() []byte {
	_, b := a.shout()
	return b[:a.rnd.IntN(len(b))]
}

// violation is something that no client may send.
func (a *author) violation() []byte {
	_, whole := a.shout()
	text := "κόσμε"
	violations := []func() []byte{
		func() []byte { whole[0] |= 0x10 << a.rnd.IntN(2); return whole }, // a reserved bit
		func() []byte { whole[0] = whole[0]&0xf0 | 0x3; return whole },    // an unknown opcode
		func() []byte { whole[1] &^= 0x80; return whole },                 // no mask, it says
		func() []byte { return a.wrongMask() },
		func() []byte { return a.frame(rawclient.Fin|0x9, strings.Repeat("x", 126)) },
		func() []byte { return a.frame(0x9, "x") },
		func() []byte { return a.frame(rawclient.Fin, "x") }, // a continuation of nothing
		func() []byte { return slices.Concat(a.frame(0x1, "["), whole) },
		func() []byte { return a.frame(rawclient.Fin|0x1, text[:1+2*a.rnd.IntN(4)]) }, // not UTF-8
		func() []byte { return a.frame(rawclient.Fin|rawclient.RSV1|0x1, "\xff\xff\xff") },
		func() []byte { return a.frame(rawclient.Fin|0x8, "\x03\xed") },
		func() []byte { return a.frame(rawclient.Fin|0x8, "\x03") },
		func() []byte { return a.frame(rawclient.Fin|0x1, "[") },
		func() []byte { return a.frame(rawclient.Fin|0x1, `{"event":"shout"}`) },
		func() []byte { return a.frame(rawclient.Fin|0x1, strings.Repeat("[", 5000)) },
		func() []byte { return a.frame(rawclient.Fin|0x2, "\x00\xff\xff\xff\xff") },
		func() []byte { return a.frame(rawclient.Fin|0x2, "") },
		func() []byte { return []byte{rawclient.Fin | 0x2, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4} }, // a TiB
		func() []byte { return slices.Repeat([]byte{0xff}, 100) },
		func() []byte { return a.frame(rawclient.Fin|0x1, `["`+strings.Repeat("x", 2<<20)) }, // too large
		func() []byte { return a.masked(rawclient.Message(0x2, true, strings.Repeat("x", 2<<20))) },
	}
	return violations[a.rnd.IntN(len(violations))]()
}

// wrongMask is a broadcast whose mask is not the one that it says.
func (a *author) wrongMask() []byte {
	b := rawclient.Frame(rawclient.Fin|0x1, `["j","1","room:0","shout",{}]`)
	b[2] ^= 0xff
	return b
}

func (all lives) play(w *world) {
	for _, l := range all {
		l.play(w)
	}
}

func (l life) play(w *world) {
	if l.request > 0 {
		if nc, err := w.dial(); err == nil {
			request := w.upgradeRequest(l.mount, "mallory")
			io.WriteString(nc, request[:min(l.request, len(request)-1)])
			l.end(w, nc)
		}
		return
	}
	var early []byte
	rest := l.sent
	if l.early {
		n := min(len(rest), 2000) // or the handshake might block
		early, rest = rest[:n], rest[n:]
	}
	c, err := w.handshake(l.mount, "mallory", early)
	if err != nil {
		return
	}
	if l.reads == readsNothing {
		tcpOf(c.Conn).SetReadBuffer(4096)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.read(w, c)
	}()
	write(w, c.Conn, rest, l.chop, l.slow)
	if l.ends == waits && l.reads == readsAll {
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case <-over:
		case <-late.C:
			w.fail(fmt.Errorf("an adversary has not been closed after %v; it sent ... % x", patience, l.sent[max(0, len(l.sent)-50):]))
		}
	}
	l.end(w, c.Conn)
	<-over
}

// write writes in chops. If it is slow, time passes between the first ones.
func write(w *world, nc net.Conn, data []byte, size int, slow bool) {
	pauses := 0
	for chop := range slices.Chunk(data, size) {
		if _, err := nc.Write(chop); err != nil {
			return
		}
		if slow && pauses < 20 {
			pauses++
			w.pass(1)
		}
	}
}

// read reads what the server sends, as far as that is the adversary's way.
func (l life) read(w *world, c *rawClient) {
	switch l.reads {
	case readsAll:
		for closed := false; !closed || l.ends != waits; {
			first, _, err := c.ReadFrame()
			if err != nil {
				return
			}
			closed = first&0xf == 0x8
		}
	case readsLittle:
		for range 20 {
			if _, err := c.Reader.ReadByte(); err != nil {
				return
			}
			w.pass(1)
		}
	}
}

func (l life) end(w *world, nc net.Conn) { l.ends.end(w, nc) }

func (e ending) end(w *world, nc net.Conn) {
	defer nc.Close()
	switch e {
	case resets:
		reset(nc)
	case halfCloses:
		if half, ok := nc.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		w.pass(5)
	case lingers:
		w.pass(10)
	}
}

// reset lets the end of a connection be a reset.
func reset(nc net.Conn) { tcpOf(nc).SetLinger(0) }

func tcpOf(nc net.Conn) *net.TCPConn {
	if outer, ok := nc.(interface{ NetConn() net.Conn }); ok { // of TLS
		nc = outer.NetConn()
	}
	return nc.(*net.TCPConn)
}
