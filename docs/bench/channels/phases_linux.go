package channels

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The clients that are on their way at a time, where a whole fleet does something.
const window = 128

// limit bounds each step of a measurement.
const limit = 60 * time.Second

// enter connects clients up to n and lets each join a topic. It returns the time
// that took.
func (f *fleet) enter(ctx context.Context, n int, topic func(id int) string) (time.Duration, error) {
	start := time.Now()
	before := len(f.clients)
	joined := before
	f.onOpen = func(c *client) {
		f.write(c, appendText(nil, joinMessage(1, topic(c.id))))
	}
	f.onMessage = func(c *client, m []byte) {
		if !isReply(m) || !isOK(m) {
			f.fail(c, fmt.Errorf("join answered by %.200s", m))
		}
		joined++
	}
	err := f.drive(ctx, limit, func() bool {
		for len(f.clients) < n && len(f.clients)-joined < window && f.lost == nil {
			if err := f.dial(0); err != nil {
				f.lost = err
			}
		}
		return joined == n
	})
	return time.Since(start), err
}

// all lets each client send one message, which is answered, and returns the time
// that took.
func (f *fleet) all(ctx context.Context, message func(id int) string) (time.Duration, error) {
	start := time.Now()
	sent, answered := 0, 0
	f.onMessage = func(c *client, m []byte) {
		if !isReply(m) || !isOK(m) {
			f.fail(c, fmt.Errorf("answered by %.200s", m))
		}
		answered++
	}
	err := f.drive(ctx, limit, func() bool {
		for ; sent < len(f.clients) && sent-answered < window && f.lost == nil; sent++ {
			c := f.clients[sent]
			f.write(c, appendText(nil, message(c.id)))
		}
		return answered == len(f.clients)
	})
	return time.Since(start), err
}

// latencies are sorted.
type latencies []time.Duration

// quantile returns the q-quantile, 0 ≤ q ≤ 1.
func (l latencies) quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(int(q*float64(len(l))), len(l)-1)]
}

// echo has the first n clients push and await the reply, over and over, for a
// while. The first tenth of the time is for warming up and does not count.
func (f *fleet) echo(ctx context.Context, n int, topic func(id int) string, d time.Duration) (l latencies, took time.Duration, err error) {
	l = make(latencies, 0, 1<<21)
	for _, c := range f.clients[:n] {
		c.frame = appendText(nil, push(1, topic(c.id), "echo", `{"text":"hello, how are you?"}`))
	}
	start := time.Now().Add(d / 10)
	end := start.Add(d)
	var last time.Time
	waiting := n
	f.onMessage = func(c *client, _ []byte) {
		now := time.Now()
		if c.sent.After(start) {
			l = append(l, now.Sub(c.sent))
			last = now
		}
		if now.After(end) {
			waiting--
			return
		}
		c.sent = now
		f.write(c, c.frame)
	}
	for _, c := range f.clients[:n] {
		c.sent = time.Now()
		f.write(c, c.frame)
	}
	err = f.drive(ctx, d+limit, func() bool { return waiting == 0 })
	slices.Sort(l)
	return l, last.Sub(start), err
}

// shout has client 0 push shouts, one behind the other in one write, to a topic that
// all have joined, and waits until all have heard all.
func (f *fleet) shout(ctx context.Context, n int, topic string, joinRef int) (first, last time.Duration, err error) {
	var frames []byte
	for range n {
		frames = appendText(frames, push(joinRef, topic, "shout", shoutPayload))
	}
	heard, replies := 0, 0
	f.onMessage = func(_ *client, m []byte) {
		if isReply(m) {
			replies++
			return
		}
		if heard == 0 {
			first = time.Since(f.clients[0].sent)
		}
		if heard++; heard == n*len(f.clients) {
			last = time.Since(f.clients[0].sent)
		}
	}
	f.clients[0].sent = time.Now()
	f.write(f.clients[0], frames)
	err = f.drive(ctx, limit, func() bool { return heard == n*len(f.clients) && replies == n })
	return first, last, err
}

const shoutPayload = `{"text":"0123456789012345678901234567890123456789012345678901"}`

// A flood is shouts at a steady pace from client 0 to a topic.
const (
	floodPace    = 10 * time.Millisecond
	floodPayload = 32 << 10
	// heartbeats are how often clients tell that they live: those that only listen
	// would be closed as idle, where the flood has to last.
	heartbeats = 30 * time.Second
)

// flood shouts for a while, or until stop says so, and returns how long each shout
// took to each of the clients that read.
func (f *fleet) flood(ctx context.Context, topic string, d time.Duration, stop func() bool) (latencies, error) {
	l := make(latencies, 0, 1<<20)
	frame := appendText(nil, push(1, topic, "shout", `{"text":"`+strings.Repeat("x", floodPayload)+`"}`))
	var sent []time.Time
	heard := make([]int, len(f.clients)) // shouts, by client
	f.onMessage = func(c *client, m []byte) {
		if isShout(m) {
			l = append(l, time.Since(sent[heard[c.id]]))
			heard[c.id]++
		}
	}
	start := time.Now()
	beat := start.Add(heartbeats)
	over := false
	err := f.drive(ctx, d+limit, func() bool {
		now := time.Now()
		if now.After(beat) {
			beat = now.Add(heartbeats)
			for _, c := range f.clients {
				if !c.deaf {
					f.write(c, appendText(nil, heartbeat))
				}
			}
		}
		over = over || now.Sub(start) > d || stop()
		if over { // but for what is still on its way
			return !slices.ContainsFunc(f.clients, func(c *client) bool {
				return !c.deaf && heard[c.id] < len(sent)
			})
		}
		if due := start.Add(time.Duration(len(sent)) * floodPace); !now.Before(due) {
			sent = append(sent, now)
			f.write(f.clients[0], frame)
		}
		f.turn(time.Millisecond)
		return false
	})
	slices.Sort(l)
	return l, err
}

// enterDeaf connects one more client, which joins the topic and then reads no
// more.
func (f *fleet) enterDeaf(ctx context.Context, topic string) (deaf *client, err error) {
	f.onOpen = func(c *client) { f.write(c, appendText(nil, joinMessage(1, topic))) }
	f.onMessage = func(c *client, _ []byte) {
		// The reply to client 0's last shout may come after all have heard it.
		if c.id == len(f.clients)-1 {
			deaf = c
			f.deafen(c)
		}
	}
	if err := f.dial(4096); err != nil {
		return nil, err
	}
	err = f.drive(ctx, limit, func() bool { return deaf != nil })
	return deaf, err
}
