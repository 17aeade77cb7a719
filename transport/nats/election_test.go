package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// election is a time in which the servers have no leader for the bucket. A request gets lost, or
// its answer, or it is told that nobody listens: each by chance, as clients see it.
type election struct{ begins, ends time.Time }

var errElection = &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"}

func (e election) meddle(n *simNode, what string) (m meddling) {
	if now := time.Now(); now.Before(e.begins) || !now.Before(e.ends) {
		return m
	}
	if strings.HasPrefix(what, "feed") {
		return meddling{lost: true}
	}
	switch n.chance("election " + what).IntN(4) {
	case 0:
		m.unanswered = !strings.HasPrefix(what, "put") // there is nobody that could write
		m.lost = !m.unanswered
	case 1:
		m.refused = errNoBucket // as by "no responders": no server knows what there is
	case 2:
		m.refused = errElection
	default:
		m.lost = true
	}
	return m
}

// An election that takes up to six tenths of a lease, less the way of six messages and their
// answers, costs no name, whenever it begins; in a longer one names are lost in time. A name that
// is asked for meanwhile is granted when it is over, and one that is given up is free then. No name
// is held for longer than it stands in the bucket.
func TestModelNamesOutliveElections(t *testing.T) {
	schedules(t, long.Rounds(12, 300), func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		term := []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second}[r.IntN(4)]
		most := 6*term/10 - 6*40*time.Millisecond // for what is asked when it is over
		lasts := upTo(r, most)
		if seed%4 == 0 {
			lasts = most + upTo(r, 2*term)
		}
		server, sys := new(simServer), actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
		n := newSimNode(server, "a", seed, sys, term, 0)
		var held []*holding
		for i := range 1 + r.IntN(parallel+4) {
			h, err := n.register(t.Context(), fmt.Sprint(i), fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, h)
		}
		goes, err := n.register(t.Context(), "goes", "goes")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(term + upTo(r, term))
		e := election{begins: time.Now(), ends: time.Now().Add(lasts)}
		server.mu.Lock()
		server.meddle = e.meddle
		server.mu.Unlock()
		granted := make(chan time.Time, 1)
		go func() {
			for i := 0; ; i++ {
				switch _, err := n.register(t.Context(), fmt.Sprint("new ", i), fmt.Sprint("new ", i)); {
				case err == nil:
					granted <- time.Now()
					return
				case !errors.Is(err, ErrLost): // which it is while the answers take longer than a lease
					t.Errorf("a name was refused in an election: %v", err)
				}
			}
		}()
		freed := make(chan time.Time, 1)
		go func() {
			h := goes
			n.leases.remove(h, errUnregistered)
			if err := h.giveUp(t.Context(), h.bye(classFree)); err != nil {
				t.Errorf("a name was not given up in an election: %v", err)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			if server.at(keyOf(h.name)).isOf(h.ID) {
				t.Errorf("lease of %v, an election of %v: a name that was given up stands there", term, lasts)
			}
			freed <- time.Now()
		}()
		for time.Since(e.ends) < term && !t.Failed() {
			time.Sleep(term / 40)
			for _, h := range held {
				server.mu.Lock()
				stands := server.at(keyOf(h.name)).isOf(h.ID)
				server.mu.Unlock()
				if h.Valid() && !stands {
					t.Errorf("lease of %v: %q is held, and another node can have it", term, h.name)
				}
			}
		}
		for _, h := range held {
			if lasts <= most && !h.Valid() || lasts > term && !errors.Is(h.Err(), ErrLost) {
				t.Errorf("lease of %v, an election of %v: %q is valid: %v, %v", term, lasts, h.name, h.Valid(), h.Err())
			}
		}
		if late := (<-granted).Sub(e.ends); late > term/5+6*40*time.Millisecond {
			t.Errorf("lease of %v: a name was granted %v after an election", term, late)
		}
		if late := (<-freed).Sub(e.ends); late > term/5+6*40*time.Millisecond {
			t.Errorf("lease of %v: a name was given up %v after an election", term, late)
		}
		n.kill()
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}

// What has not been answered is asked again; the first answer counts, also one to the first
// request, and what waits is given up.
func TestBucketThatIsSilentIsAskedAgain(t *testing.T) {
	const after = 100 * time.Millisecond
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		answers []time.Duration // of each request; 0: never
		err     error
		first   int // whose answer it is
		asked   int
		took    time.Duration
	}{
		"answered":               {[]time.Duration{10 * time.Millisecond}, nil, 0, 1, 10 * time.Millisecond},
		"refused":                {[]time.Duration{10 * time.Millisecond}, boom, 0, 1, 10 * time.Millisecond},
		"the second is answered": {[]time.Duration{0, 10 * time.Millisecond}, nil, 1, 2, 110 * time.Millisecond},
		"a slow server":          {[]time.Duration{350 * time.Millisecond, 350 * time.Millisecond, 350 * time.Millisecond, 350 * time.Millisecond}, nil, 0, 4, 350 * time.Millisecond},
		"silent for long":        {[]time.Duration{0, 0, 0, 0, 0, 0, 10 * time.Millisecond}, nil, 6, 7, 610 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				began := time.Now()
				first, err := persist(t.Context(), after, func(ctx context.Context) (int, error) {
					number := int(asked.Add(1)) - 1
					d := c.answers[number]
					if d == 0 {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					sleep(ctx, d)
					return number, cmp.Or(ctx.Err(), c.err)
				}, drop)
				if first != c.first || !errors.Is(err, c.err) || int(asked.Load()) != c.asked || time.Since(began) != c.took {
					t.Errorf("the answer to request %d, %v, of %d after %v", first, err, asked.Load(), time.Since(began))
				}
			})
		})
	}
}

// An answer that is not wanted any more is given back.
func TestLaterAnswerIsDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		discarded := make(chan int, 1)
		first, err := persist(t.Context(), time.Second, func(context.Context) (int, error) {
			number := int(asked.Add(1))
			time.Sleep(1500 * time.Millisecond)
			return number, nil
		}, func(number int) { discarded <- number })
		if late := <-discarded; first != 1 || late != 2 || err != nil {
			t.Errorf("%d, %v; discarded: %d", first, err, late)
		}
	})
}

// The end of what the answer is for ends the wait, and calls that do not end are not many.
func TestBucketIsAskedNoLongerThanForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var asked atomic.Int32
		stall := make(chan struct{})
		go func() {
			time.Sleep(2 * time.Hour)
			close(stall)
		}()
		_, err := persist(ctx, time.Second, func(ctx context.Context) (int, error) {
			asked.Add(1)
			<-stall
			return 0, ctx.Err()
		}, drop)
		if n := asked.Load(); !errors.Is(err, context.DeadlineExceeded) || n > 2*mostUnanswered {
			t.Errorf("%v after %d requests", err, n)
		}
	})
}
