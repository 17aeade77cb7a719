package otel

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// Instrument returns what counts and measures actors, for [actor.Config].
//
// It counts by the events of the system: actors that live, are spawned, end or crash, what is
// lost and what is too much. An actor that does little between its
// spawn and its end takes three to four times as long for that; sends and handlers cost
// nothing for it. Slow handlers are counted while an [actor.System.Watchdog] runs.
//
// It measures how long handlers take, and how long messages wait for them, of one in OneIn.
// Only a message that is sent with a context, or by a call, tells when it was sent, see
// [actor.Instrument]; those of [actor.Ref.Send] are measured at the handler only. What is
// measured costs as much as sending some thirty messages, and what is not next to nothing. Put
// it behind that of a [Tracing] in the list, and measurements have traces as exemplars.
func (m *Metrics) Instrument() actor.Instrument {
	m.init()
	if m.oneIn < 0 {
		return actor.Instrument{Install: m.install, OneIn: -1}
	}
	return actor.Instrument{Install: m.install, Send: m.send, End: m.end, OneIn: m.oneIn}
}

// measured is what a message carries whose wait is measured.
type measured struct{}

// send is the Send of the instrument.
func (m *Metrics) send(_ context.Context, s actor.Sending) any {
	if !m.draw() {
		return nil
	}
	switch s.By {
	case "Timer", "Answer", "Continue":
		return nil // the wait is not for the mailbox
	}
	return measured{}
}

// draw reports whether one is measured.
func (m *Metrics) draw() bool { return m.oneIn == 1 || rand.Uint32N(uint32(m.oneIn)) == 0 }

// end is the End of the instrument.
func (m *Metrics) end(ctx context.Context, h *actor.Handling) {
	if h.Carried != nil {
		m.time(ctx, mailboxWait, key{behavior: h.Behavior}, h.Waited)
		// The runner may or may not have chosen this one, too: so that each handler has the
		// same chance, whatever its messages carry, the carried ones are drawn anew.
		if !m.draw() {
			return
		}
	}
	m.time(ctx, handlerDuration, key{h.Behavior, values(known(handlers, h.Handler))}, h.Worked)
}

// handlers are the names of handlers in [actor.Handling].
var handlers = []string{
	"Receive", "Init", "Terminate", "HandleExit", "HandleDown", "HandleIdle", "After", "Continue",
}

// known returns s if it is one of a list, and "other" if it is not.
func known(list []string, s string) string {
	if slices.Contains(list, s) {
		return s
	}
	return other
}

// values are those of a key.
func values(list ...string) (v [maxValues]string) {
	copy(v[:], list)
	return v
}
