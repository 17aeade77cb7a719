// Package killing tests that a program does not outlive its own failure: it kills each of
// its children, and sees the program recover, or end with an error.
package killing

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

const patience = 20 * time.Second // for what must come

// running is a program that runs.
type running struct {
	t     *testing.T
	addr  string
	root  supervisor.Tree
	stop  context.CancelFunc
	ended chan error
}

// EachChild runs a program that listens on an address, once for each of its children, and
// kills that child: once, after which the program must work again, and then as often as
// it takes for the program to give up, which must be an error that names the child.
//
// works tries out a program by a client that is connected to its "/socket", or is
// about to be. It is called until it returns nil.
func EachChild(t *testing.T, program func(addr string) supervisor.Program, works func(context.Context, *wsclient.Client) error) {
	var ids []string
	t.Run("it stops in order", func(t *testing.T) {
		r := run(t, program)
		children, err := r.root.Children(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			ids = append(ids, c.ID)
		}
		r.works(works)
		r.stop()
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			r := run(t, program)
			r.works(works)
			r.kill(id)
			r.works(works)
			for r.root.PID().Alive() {
				r.kill(id)
			}
			if err := r.end(); err == nil || !strings.Contains(err.Error(), id) {
				t.Errorf("it has ended with %v, want an error that names %q", err, id)
			}
		})
	}
}

// run runs a program, and returns when its children run.
func run(t *testing.T, program func(addr string) supervisor.Program) *running {
	t.Helper()
	r := &running{t: t, addr: freeAddr(t), ended: make(chan error, 1)}
	p := program(r.addr)
	p.Config.Logger = slog.New(slog.DiscardHandler)
	started := make(chan supervisor.Tree, 1)
	p.OnStart = func(_ *actor.System, root supervisor.Tree) { started <- root }
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.ended <- p.Run(ctx) }()
	t.Cleanup(r.stop)
	select {
	case r.root = <-started:
	case err := <-r.ended:
		t.Fatal("it does not start: ", err)
	}
	return r
}

// freeAddr returns an address on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// works waits until the program works for a new client.
func (r *running) works(try func(context.Context, *wsclient.Client) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	soon := func(int) time.Duration { return time.Millisecond }
	client, err := wsclient.Start(wsclient.Config{
		URL:            "ws://" + r.addr + "/socket",
		Logger:         slog.New(slog.DiscardHandler),
		ReconnectDelay: soon,
		RejoinDelay:    soon,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close(ctx)
	for {
		if err = try(ctx, client); err == nil {
			return
		}
		if ctx.Err() != nil {
			r.t.Fatal("it does not work: ", err)
		}
	}
}

// kill kills the child as it runs now, if it does, and waits for its end.
func (r *running) kill(id string) {
	info, err := r.root.Child(context.Background(), id)
	if err != nil || info.PID.IsZero() {
		return
	}
	info.PID.Exit(actor.Kill)
	<-info.PID.Done()
}

// end waits for the program to end.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		r.t.Fatal("it does not end")
		return nil
	}
}
