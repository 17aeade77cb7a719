package supervisor

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// GracefulServer is what [Server] can supervise; *http.Server is one. If it has a
// method Close() error as well, that is how it ends if it fails or Shutdown does.
//
// A server with a listener or certificates of its own hides ListenAndServe:
//
//	type server struct {
//		*http.Server
//		l net.Listener
//	}
//
//	func (s server) ListenAndServe() error { return s.Serve(s.l) }
type GracefulServer interface {
	ListenAndServe() error
	Shutdown(ctx context.Context) error
}

// Server returns a child that is a server, made by newServer for each incarnation,
// since a server that was shut down cannot be used again. It is a [Service]: when
// the child must end, the server's Shutdown has the child's [Shutdown] time to let
// requests finish, and is then closed. With [BrutalKill] it is closed at once.
//
// That ListenAndServe returns nil or http.ErrServerClosed is a clean end. An
// address that is taken is a crash, which soon spends the supervisor's budget.
//
// Put the server last in its supervisor: it is then the first to stop, while all
// that its requests need is still there.
func Server[S GracefulServer](id string, newServer func() S, opts ...ChildOption) Child {
	limit := newDraft(id, TypeWorker, opts).withDefaults().Shutdown
	return Service(id, func(ctx context.Context) error { return serveUntil(ctx, newServer(), limit) }, opts...)
}

// serveUntil serves until ctx is done.
func serveUntil(ctx context.Context, s GracefulServer, limit Shutdown) error {
	stopped := make(chan error, 1)
	cancel := context.AfterFunc(ctx, func() { stopped <- shutDown(s, limit) })
	err := s.ListenAndServe()
	if cancel() {
		if err == nil || err.Error() == httpServerClosed {
			return nil
		}
		forceClose(s) // or its connections would live on beside the next incarnation
		return err
	}
	// ListenAndServe returns as soon as a shutdown begins.
	return <-stopped
}

// httpServerClosed is the text of http.ErrServerClosed. The error itself would
// link an HTTP server into each program that has a supervisor.
const httpServerClosed = "http: Server closed"

// shutDown ends the server within the limit, in order if it can.
func shutDown(s GracefulServer, limit Shutdown) error {
	// The context of the child is of no use here: it is done already.
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if limit != Infinity {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(max(limit, 0)))
	}
	defer cancel()
	// This goroutine is nobody's, and the one that serves waits for it.
	err := actor.Guard(context.Background(), func() error { return s.Shutdown(ctx) })
	if err != nil {
		forceClose(s)
	}
	return err
}

// forceClose closes a server that can be closed. That it came to this is the
// error that counts.
func forceClose(s GracefulServer) {
	if c, ok := s.(interface{ Close() error }); ok {
		_ = actor.Guard(context.Background(), c.Close)
	}
}
