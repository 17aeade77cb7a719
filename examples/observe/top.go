package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
)

// top asks twice: rates and shares are known when the observer has measured for a while, and
// it measures while somebody asks.
func top(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	var t query.Top
	if err := o.ask(ctx, "top", w.with(params{"by": w.by}), &t); err != nil {
		return err
	}
	if !t.Measured {
		select {
		case <-time.After(time.Duration(2*t.Every) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		t = query.Top{}
		if err := o.ask(ctx, "top", w.with(params{"by": w.by}), &t); err != nil {
			return err
		}
	}
	return show(out, w, &t, func() {
		g := newGrid("pid", "actor", "behavior", "status", "waiting", "oldest", "per s", "busy", "handled", "restarts")
		for _, r := range t.Rows {
			g.add(r.PID, cmp.Or(r.Name, r.Label), r.Behavior, r.Status, r.Queue,
				time.Duration(r.Oldest)*time.Millisecond, fmt.Sprintf("%.1f", r.Rate), fmt.Sprintf("%.0f %%", 100*r.Busy), r.Handled, r.Restarts)
		}
		g.print(out, len(t.Rows))
		fmt.Fprintf(out, "%d of %d actors; those that have nothing of %q are left out\n", len(t.Rows), t.Matched, w.by)
	})
}

func cluster(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return tell(ctx, o, out, w, "cluster", params{}, func(c *query.Cluster) {
		g := newGrid("node", "state", "started", "actors", "connections", "channels", "go", "")
		for _, n := range c.Nodes {
			g.add(n.Name, n.State, clock(n.Started), n.Actors, n.Connections, n.Channels, n.Go, n.Error)
		}
		g.print(out, len(c.Nodes))
	})
}
