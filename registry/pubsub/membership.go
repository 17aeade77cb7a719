package pubsub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// How long an adapter may take. One that serves a network gives up earlier.
const (
	joinFor  = 30 * time.Second
	leaveFor = 15 * time.Second
)

var (
	errJoining = errors.New("the adapter's Join does not return")
	errLeaving = errors.New("the adapter's Leave does not return")
)

// membership is the actor through which a node is a member of its cluster.
type membership struct {
	cluster *Cluster
	sys     *actor.System
	over    bool // it has ended, or is about to; guarded by the cluster's mu
}

// Behavior makes the actor through which the node is a member of the cluster: it joins
// before it takes up its work, leaves at its end, and can be restarted. There is one at
// a time. Its start fails if the adapter cannot join, panics, or takes longer than 30
// seconds. It takes no messages.
//
// If it is stopped, it returns when the node has left. If it is killed, the node leaves
// in the background, and the next one waits for that.
func (c *Cluster) Behavior() actor.Behavior[struct{}] { return &membership{cluster: c} }

// Init implements [actor.Initializer].
func (m *membership) Init(ctx *actor.Context[struct{}]) error {
	m.sys = ctx.System()
	ctx.MayBlock()
	ctx.TrapExit(true) // so that Terminate runs
	if !ctx.PID().Own(m) {
		return context.Cause(ctx)
	}
	limited, cancel := context.WithTimeoutCause(ctx, joinFor, errJoining)
	defer cancel()
	err := actor.Guard(limited, func() error { return m.cluster.enter(limited, m) })
	if err != nil {
		return fmt.Errorf("pubsub: join the cluster as %q: %w", m.cluster.node, err)
	}
	return nil
}

// Receive implements [actor.Behavior].
func (*membership) Receive(*actor.Context[struct{}], struct{}) error { return nil }

// Terminate implements [actor.Terminator]. What has been broadcast still goes out.
func (m *membership) Terminate(ctx *actor.Context[struct{}], _ error) {
	m.cluster.end(m)
	if err := m.cluster.exit(ctx, m); err != nil {
		m.sys.Logger().Warn("cluster not left in time", "node", m.cluster.node, "error", err)
	}
}

// Release implements [actor.Resource]: it leaves when the actor is killed.
func (m *membership) Release(actor.PID, error) {
	if !m.cluster.end(m) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeoutCause(context.Background(), leaveFor, errLeaving)
		defer cancel()
		if err := m.cluster.exit(ctx, m); err != nil {
			m.sys.Logger().Warn("cluster not left", "node", m.cluster.node, "error", err)
		}
	}()
}
