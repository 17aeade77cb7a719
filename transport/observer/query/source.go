package query

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Config says what a [Source] knows of besides the actors. The zero Config is a good one.
type Config struct {
	// Endpoints are those whose connections, channels and topics are shown.
	Endpoints []*ws.Endpoint

	// Trackers are those whose presences are shown with the topics.
	Trackers []*presence.Tracker

	// Tables are shown as they are.
	Tables []view.Table

	// Peers are the other nodes; nil if there are none, or none that are to be shown.
	Peers Peers

	// History is what the answers about the past come from; nil if there are none.
	History *History
}

// Source answers questions about a system.
type Source struct {
	sys *actor.System
	cfg Config

	walks  chan struct{} // holds one thing while all actors are looked at
	states atomic.Int32  // states that are being made
	tables atomic.Bool   // a table is being made

	measuring  measuring
	strategies strategies
	began      time.Time

	crossing  chan struct{} // holds one thing for each question that goes to another node
	answering atomic.Int32  // questions of other nodes
	selves    foreign.Calls
}

// New returns a source of answers about a system.
func New(sys *actor.System, cfg Config) *Source {
	return &Source{
		sys: sys, cfg: cfg, walks: make(chan struct{}, 1), began: time.Now(), crossing: make(chan struct{}, maxCrossing),
		selves: foreign.Calls{Limit: textLimit, Most: maxHanging},
	}
}

// Close has the source measure no more, for good.
func (s *Source) Close() { s.measuring.close() }

// System returns the system that the source is about.
func (s *Source) System() *actor.System { return s.sys }

// walk calls f with each actor, in no order, until ctx is done. One walk is under way at
// a time: beside a million actors each takes a core for a tenth of a second.
func (s *Source) walk(ctx context.Context, f func(actor.PID)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.finish()
	n := 0
	for pid := range s.sys.All() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		f(pid)
	}
	return nil
}

// begin waits until no other walk is under way.
func (s *Source) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.walks <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source) finish() { <-s.walks }

// find returns the actor that a client has named.
func (s *Source) find(text string) (actor.PID, error) {
	pid, ok := s.sys.Find(text)
	if !ok {
		return actor.PID{}, Errorf(Gone, "there is no actor %.40q, or it has ended", text)
	}
	return pid, nil
}

// millis is how times are told: in milliseconds since 1970, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
