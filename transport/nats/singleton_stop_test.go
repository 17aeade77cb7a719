package nats

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// awayWhile are what a child may do with its name when NATS goes away.
var awayWhile = map[string]struct {
	other bool   // another node has the name
	holds bool   // this one has
	from  string // the message with which NATS goes away, if it is not later
}{
	"it stands by":            {other: true},
	"it looks for the holder": {other: true, from: "get " + keyOf("boss")},
	"it asks":                 {from: "put " + keyOf("boss")},
	"it inherits":             {from: "get " + stateKey("boss")},
	"it has the name":         {holds: true},
}

// NATS delays the end of a child by a second at most, though it is away: whether nothing comes
// through, or the connection waits for a server that takes nothing.
func TestSingletonIsStoppedInTimeWhileNATSIsAway(t *testing.T) {
	for while, c := range awayWhile {
		for _, stalled := range []bool{true, false} {
			t.Run(fmt.Sprint(while, " stalled=", stalled), func(t *testing.T) {
				simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
					m := meddling{lost: true}
					if stalled {
						m.taken = make(chan struct{})
						defer close(m.taken)
					}
					var away atomic.Bool
					s.meddle = func(n *simNode, what string) meddling {
						if n != nodes[0] || what != c.from && !away.Load() {
							return meddling{}
						}
						away.Store(true)
						return m
					}
					if c.other {
						await(t, standIn(t, nodes[1], nil).began)
					}
					a := standIn(t, nodes[0], nil)
					if c.holds {
						await(t, a.began)
					}
					for range 60 { // far longer than a bucket takes to settle
						if time.Sleep(time.Second); away.Load() {
							break
						}
					}
					if away.Swap(true) != (c.from != "") {
						t.Fatalf("there was no %q", c.from)
					}
					if took := a.stop(t); took > talkFor {
						t.Errorf("stopped after %v", took)
					}
				}, defaultLease, defaultLease)
			})
		}
	}
}

// It is so with NATS's client, which minds no context while it writes: the child ends while NATS is
// away, and nothing of it waits for the connection.
func TestSingletonEndsWhileNATSIsAway(t *testing.T) {
	for _, holds := range []bool{true, false} {
		for _, stalled := range []bool{true, false} {
			t.Run(fmt.Sprint("holds=", holds, " stalled=", stalled), func(t *testing.T) {
				t.Parallel()
				s, cluster := startServer(t), prefix()
				gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
				var options []nats.Option
				if stalled {
					options = append(options, nats.SetCustomDialer(gate))
				}
				other := newNode(t, s, cluster, "b", NamesConfig{})
				n := startNode(t, s, cluster, "a", NamesConfig{}, options...)
				t.Cleanup(func() { close(gate.open) })
				if !holds {
					await(t, stand(t, other, nil).began)
				}
				a := stand(t, n, nil)
				if holds {
					await(t, a.began)
				}
				n.leases.talk = time.Millisecond
				if stalled {
					gate.shut.Store(true)
					if err := n.ps.Broadcast("t", "x"); err != nil {
						t.Fatal(err)
					}
					await(t, gate.waiting)
				} else {
					n.wire.cut()
				}
				a.stop(t)
				gate.shut.Store(false)
			})
		}
	}
}
