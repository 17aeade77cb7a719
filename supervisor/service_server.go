package supervisor

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// GracefulServer is what [Server] can supervise; *http.Server is one. If it also has a
// method Close() error, that is called when the server or its Shutdown has failed.
//
// A server with a listener or certificates of its own replaces ListenAndServe:
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

// Server returns a child that is a server. It calls newServer for each incarnation,
// because a server that was shut down cannot be used again. The child is a [Service]: when
// it must end, the server's Shutdown has the child's [Shutdown] time to let requests
// finish; then the server is closed. With [BrutalKill] it is closed at once.
//
// It is a clean end if ListenAndServe returns nil or http.ErrServerClosed. An address that
// is taken is a crash, which soon spends the supervisor's budget.
//
// Put the server last in its supervisor: it is then the first to stop, while all that its
// requests need still runs.
func Server[S GracefulServer](id string, newServer func() S, opts ...ChildOption) Child {
	limit := newDraft(id, TypeWorker, opts).withDefaults().Shutdown
	var run func(context.Context) error
	if newServer != nil {
		run = func(ctx context.Context) error {
			s := newServer()
			if isNil(s) {
				return errNoServer
			}
			return serveUntil(ctx, s, limit)
		}
	}
	return Service(id, run, opts...)
}

var errNoServer = errors.New("newServer has returned nil")

// isNil reports whether v is nil, or a nil pointer in an interface.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return v == nil || r.Kind() == reflect.Pointer && r.IsNil()
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
	// The context of the child is of no use here: it is already done.
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if limit != Infinity {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(max(limit, 0)))
	}
	defer cancel()
	// This goroutine belongs to no actor, and the goroutine that serves waits for it.
	err := actor.Guard(context.Background(), func() error { return s.Shutdown(ctx) })
	if err != nil {
		forceClose(s)
	}
	return err
}

// forceClose closes a server that can be closed. The error that led to this is the one
// that counts.
func forceClose(s GracefulServer) {
	if c, ok := s.(interface{ Close() error }); ok {
		_ = actor.Guard(context.Background(), c.Close)
	}
}
