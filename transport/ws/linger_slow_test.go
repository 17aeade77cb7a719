package ws

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// What becomes of what was kept for a client that reads slowly when it is back, and of what is
// sent by goroutines that are slow themselves.

// slowHouse is an endpoint whose channels linger, those of "taped:*" on a recorded topic. Those of
// "short:*", on one as well, do not.
type slowHouse struct {
	*Endpoint
	t      *testing.T
	sys    *actor.System
	before func(wire.Message) // a message is encoded
}

// eavesdropper is a serializer that tells what it encodes.
type eavesdropper struct {
	wire.V2
	h *slowHouse
}

func (e eavesdropper) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	if e.h.before != nil {
		e.h.before(m)
	}
	return e.V2.Append(buf, m)
}

// inSlowHouse runs a test in a bubble.
func inSlowHouse(t *testing.T, test func(*slowHouse)) {
	synctest.Test(t, func(t *testing.T) {
		h := &slowHouse{t: t, sys: actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})}
		bare, taped := Topic("bare:*", func() mute { return mute{} }, nil), Topic("taped:*", func() mute { return mute{} }, nil)
		short := Topic("short:*", func() mute { return mute{} }, nil)
		bare.Linger, taped.Linger = time.Minute, time.Minute
		taped.History, short.History = &History{Size: historySize}, &History{Size: historySize}
		e, err := Start(h.sys, Config{Sockets: []Socket{{
			Path: "/socket", Channels: Routes{bare, taped, short}, IdleTimeout: 1000 * time.Hour, MaxLingerBytes: 8000,
			Serializers: []wire.Serializer{eavesdropper{h: h}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		h.Endpoint = e
		test(h)
		e.Shutdown(t.Context())
		h.sys.Shutdown(t.Context())
	})
}

// slowClient is a client that notes what it gets.
type slowClient struct {
	memoryClient
	h     *slowHouse
	topic string
	heard []string // events, and of broadcasts and pushes what they say
}

// client returns a client that has what another one knows, if that is not nil. It does not join.
func (h *slowHouse) client(topic string, from *slowClient) *slowClient {
	c := &slowClient{h: h, topic: topic}
	if from != nil {
		c.token, c.last, c.got = from.token, from.last, from.got
	}
	c.serializer = eavesdropper{h: h}
	c.take = func(ref, event, payload string) error {
		var m struct {
			N        int
			Response struct {
				Token string `json:"resume_token"`
			}
		}
		json.Unmarshal([]byte(payload), &m)
		if event == "phx_reply" {
			c.token = m.Response.Token
		}
		if at, err := ParsePosition(ref); err == nil {
			c.last = at
		}
		if strings.HasPrefix(ref, "~") {
			c.got = fmt.Sprintf("%q", ref)
		}
		if event == "n" {
			event = fmt.Sprint(m.N)
		}
		c.heard = append(c.heard, event)
		return nil
	}
	return c
}

// joins has the client join.
func (c *slowClient) joins() *slowClient {
	c.h.t.Helper()
	if err := c.join(c.h.Endpoint, c.topic); err != nil {
		c.h.t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// lose cuts the connection, with what has not been read.
func (c *slowClient) lose() {
	c.cut(0)
	synctest.Wait()
}

// hears fails the test unless the client has got this, and nothing else, since it was called last.
func (c *slowClient) hears(want ...string) {
	c.h.t.Helper()
	synctest.Wait()
	c.read(-1)
	if !slices.Equal(c.heard, want) {
		c.h.t.Errorf("the client got %q, want %q", c.heard, want)
	}
	c.heard = nil
}

func (c *slowClient) channel() *Channel { return c.session.joins.on(c.topic).channel }

// says broadcasts numbers on a topic.
func (h *slowHouse) says(topic string, first, last int) {
	for n := first; n <= last; n++ {
		h.Broadcast(topic, "n", map[string]int{"n": n})
	}
	synctest.Wait()
}

// comesBackSlowly returns a client that is back on "bare:a", and has not the room for what it has
// missed, the numbers up to missed.
func (h *slowHouse) comesBackSlowly(missed int) *slowClient {
	h.t.Helper()
	c := h.client("bare:a", nil).joins()
	c.hears("phx_reply")
	c.lose()
	h.says("bare:a", 1, missed)
	c = h.client("bare:a", c)
	c.slow = true
	c.joins().hears("phx_reply")
	return c
}

// catchesUp has the client take what it has not had the room for.
func (c *slowClient) catchesUp() {
	c.conn.fills(false)
	time.Sleep(time.Second)
}

// A client gets what was kept when there is room for it.
func TestWhatWasKeptWaitsForASlowClient(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.comesBackSlowly(40) // more than are sent at a time
		h.says("bare:a", 41, 41)
		c.hears()
		c.catchesUp()
		var all []string
		for n := range 41 {
			all = append(all, fmt.Sprint(n+1))
		}
		c.hears(all...)
		h.says("bare:a", 42, 42)
		c.hears("42")
	})
}

// If more comes meanwhile than is kept, the channel does not go on as if there were nothing lost.
func TestMoreComesForASlowClientThanIsKept(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.comesBackSlowly(3)
		h.says("bare:a", 4, 200)
		c.catchesUp()
		c.hears("phx_error")
	})
}

// The log does not keep for ever what a client has missed that has not the room for what was
// pushed before.
func TestTheLogIsTrimmedBeforeASlowClientHasIt(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("taped:a", nil).joins()
		h.says("taped:a", 1, 1)
		c.hears("phx_reply", "phx_position", "1")
		c.lose()
		h.says("taped:a", 2, 3)
		c = h.client("taped:a", c)
		c.slow = true
		c.joins().hears("phx_reply")
		h.says("taped:a", 4, 4+historySize)
		c.catchesUp()
		c.hears("phx_error")
	})
}

// What is in no log is not read later: a client hears it from its join on, though it has not read
// yet what it has missed, and once. Presence, of which the state is shown to it by then, would be
// wrong for good otherwise.
func TestAClientThatReadsTheLogHearsWhatIsNotInIt(t *testing.T) {
	for topic, resumed := range map[string]bool{"short:a": false, "taped:a": false, "taped:b": true} {
		inSlowHouse(t, func(h *slowHouse) {
			c := h.client(topic, nil).joins()
			h.says(topic, 1, 1)
			c.hears("phx_reply", "phx_position", "1")
			local := func() {
				h.LocalBroadcast(topic, "local", nil)
				synctest.Wait()
			}
			c.lose()
			h.says(topic, 2, 3)
			local() // nobody gets this
			if c = h.client(topic, c); !resumed {
				c.token = ""
			}
			c.slow = true
			if c.joins(); resumed {
				c.hears("phx_reply")
			} else {
				c.hears("phx_reply", "phx_recovery")
			}
			local()
			h.says(topic, 4, 4)
			local()
			if c.catchesUp(); resumed { // what was kept comes first
				c.hears("local", "local", "phx_recovery", "2", "3", "4")
			} else {
				c.hears("local", "local", "2", "3", "4")
			}
			h.says(topic, 5, 5)
			local()
			c.hears("5", "local")
		})
	}
}

// A client that is lost before it had the room for what is in no log does not get that, as what has
// come while it was away: it would be shown with changes of which some are left out.
func TestWhatIsInNoLogIsNotForAClientThatWasLost(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("taped:a", nil)
		c.got = "null"
		c.joins().hears("phx_reply", "phx_position")
		c.lose()
		for range 2 {
			c = h.client("taped:a", c)
			c.slow = true
			c.joins().hears("phx_reply")
			h.LocalBroadcast("taped:a", "local", nil)
			c.lose()
			h.LocalBroadcast("taped:a", "local", nil) // nobody gets this
		}
		c = h.client("taped:a", c).joins()
		c.hears("phx_reply", "phx_recovery")
		h.LocalBroadcast("taped:a", "local", nil)
		c.hears("local")
		if kept := c.channel().tether().bytes; kept != 0 {
			h.t.Errorf("%d B count as kept", kept)
		}
	})
}

// A slow client whose connection is lost again has lost nothing of what it was not sent.
func TestASlowClientIsLostAgain(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.comesBackSlowly(3)
		c.lose()
		c.catchesUp()
		c.hears()
		h.client("bare:a", c).joins().hears("phx_reply", "1", "2", "3")
	})
}

// A client comes back twice before it has got what was kept: it gets that over the last connection
// only, and the channel has not to do with the others any more.
func TestASlowClientComesBackTwice(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		first := h.client("bare:a", nil).joins()
		first.hears("phx_reply")
		first.lose()
		h.says("bare:a", 1, 3)
		second := h.client("bare:a", first)
		second.slow = true
		second.joins().hears("phx_reply")
		third := h.client("bare:a", second)
		third.slow = true
		third.joins().hears("phx_reply")
		second.catchesUp()
		second.hears("phx_error")
		third.hears()
		third.catchesUp()
		third.hears("1", "2", "3")
		h.says("bare:a", 4, 4)
		third.hears("4")
		handled := func() uint64 { info, _ := third.channel().PID().Info(); return info.Handled }
		before := handled()
		time.Sleep(time.Minute)
		if more := handled() - before; more > 0 {
			h.t.Errorf("the channel has handled %d messages in a minute without any", more)
		}
	})
}

// What is broadcast when a client has been told what it gets comes behind that.
func TestABroadcastBetweenWhatIsToldAndWhatWasMissed(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("taped:a", nil).joins()
		h.says("taped:a", 1, 1)
		c.hears("phx_reply", "phx_position", "1")
		c.lose()
		h.says("taped:a", 2, 3)
		var once atomic.Bool
		h.before = func(m wire.Message) {
			if m.Event == wire.EventRecovery && once.CompareAndSwap(false, true) {
				h.Broadcast("taped:a", "n", map[string]int{"n": 4})
			}
		}
		h.client("taped:a", c).joins().hears("phx_reply", "phx_recovery", "2", "3", "4")
	})
}

// A client comes back while something is encoded for the connection before, or for a client that
// did not count what it was pushed: it is not sent there, nor as that.
func TestAClientComesBackWhileSomethingIsEncodedForIt(t *testing.T) {
	for what, send := range map[string]func(*slowHouse, *Channel){
		"a push":      func(_ *slowHouse, c *Channel) { c.Push("n", map[string]int{"n": 1}) },
		"a broadcast": func(h *slowHouse, _ *Channel) { h.Broadcast("bare:a", "n", map[string]int{"n": 1}) },
	} {
		for _, now := range []struct {
			away bool
			got  string
		}{{false, ""}, {false, "null"}, {true, "null"}} {
			away := now.away
			if away && what == "a broadcast" {
				continue // it is kept, and not encoded yet
			}
			t.Run(fmt.Sprint(what, now), func(t *testing.T) {
				inSlowHouse(t, func(h *slowHouse) {
					c := h.client("bare:a", nil).joins()
					c.hears("phx_reply")
					channel := c.channel()
					if away {
						c.lose()
					}
					next := h.client("bare:a", c)
					next.got = now.got
					encodes, comes := make(chan struct{}), make(chan struct{})
					var once atomic.Bool
					h.before = func(m wire.Message) {
						if m.Event == "n" && once.CompareAndSwap(false, true) {
							close(encodes)
							<-comes
						}
					}
					go send(h, channel)
					synctest.Wait()
					h.before = nil
					next.joins()
					if away {
						next.lose()
						next = h.client("bare:a", next)
					}
					close(comes)
					synctest.Wait()
					if away {
						next.joins()
					}
					next.hears("phx_reply", "1")
					h.says("bare:a", 2, 2)
					next.hears("2")
				})
			})
		}
	}
}

// What is pushed to a client that counts has its number from the moment on that it counts, be it
// encoded before.
func TestAPushIsNumberedWhenItIsSent(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("bare:a", nil).joins()
		c.hears("phx_reply")
		channel := c.channel()
		c.lose()
		t := channel.tether()
		if over, number := t.next(); over != nil || number != 0 {
			h.t.Fatalf("the next push goes over %v and has the number %d", over, number)
		}
		c = h.client("bare:a", c)
		c.got = "null"
		c.joins()
		c.lose()
		m := &wire.Message{Topic: "bare:a", Event: "n", Payload: noPayload}
		if t.post(channel, channel.line(), parcel{push: m}, frame.Sealed{}) {
			h.t.Error("a push without a number was kept for a client that counts")
		}
	})
}

// A connection is lost between the channel's acceptance of its client and what follows: the
// client is away still, and counts as that once.
func TestAConnectionIsLostInTheMiddleOfAComeback(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("bare:a", nil).joins()
		c.hears("phx_reply")
		channel := c.channel()
		c.lose()
		other := h.client("bare:b", nil).joins()
		tether, b := channel.tether(), &comeback{line: &other.session.line, token: channel.tether().token}
		if !tether.obey(b, channel.line()) || !tether.lose(b.line) {
			h.t.Fatal("the channel has not gone to the session")
		}
		if tether.comeBack(b); !tether.lingers() || !tether.isAway() {
			h.t.Error("the client counts as present")
		}
		if n := h.Stats().Lingering; n != 1 {
			h.t.Errorf("%d linger, want 1", n)
		}
	})
}

// A session does not kill a channel that is another's by now, though it was told to before.
func TestASessionIsLateWithAnOverdueChannel(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("bare:a", nil).joins()
		c.hears("phx_reply")
		channel, session := c.channel(), c.session.ctx.Self()
		if err := session.PID().Suspend(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		session.Send(sessionMsg{op: opOverdue, channel: channel.PID()})
		next := h.client("bare:a", c).joins()
		next.hears("phx_reply")
		if err := session.PID().Resume(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		synctest.Wait()
		h.says("bare:a", 1, 1)
		next.hears("1")
		c.hears("phx_error")
	})
}

// What a client has got does not count as kept any more when it is back.
func TestWhatHasArrivedIsNotCounted(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("bare:a", nil)
		c.got = "null"
		c.joins()
		channel := c.channel()
		for n := range 3 {
			channel.Push("n", map[string]int{"n": n})
		}
		c.hears("phx_reply", "0", "1", "2")
		c.lose()
		h.says("bare:a", 4, 4) // which has no number, and is not sent twice
		channel.Push("n", map[string]int{"n": 3})
		c = h.client("bare:a", c)
		c.joins().hears("phx_reply", "4", "3")
		c.lose()
		h.client("bare:a", c).joins().hears("phx_reply")
		if kept := channel.tether().bytes; kept != 0 {
			h.t.Errorf("%d B count as kept", kept)
		}
	})
}

// Nothing is kept for a channel that has ended.
func TestAnEndedChannelKeepsNothing(t *testing.T) {
	inSlowHouse(t, func(h *slowHouse) {
		c := h.client("bare:a", nil)
		c.got = "null"
		c.joins()
		channel := c.channel()
		channel.Push("n", nil)
		c.lose()
		channel.Push("n", nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		t := channel.tether()
		if t.kept != nil || t.retained != nil || t.bytes != 0 || t.lingers() {
			h.t.Errorf("%d B are kept, %d messages and %d", t.bytes, len(t.kept), len(t.retained))
		}
		if _, known := h.tethers.Load(t.id); known {
			h.t.Error("the endpoint knows it still")
		}
	})
}
