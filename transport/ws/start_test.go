package ws

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// A session that comes to life when it has been given up already, because its
// supervisor was killed in the middle of starting it, gives back nothing twice.
func TestSessionThatStartsTooLateDoesNotStart(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", LongPoll: true, Channels: anyTopic}}})
	if err != nil {
		t.Fatal(err)
	}
	e.current.Load().sockets = supervisor.Dynamic{} // nobody, as good as one that was killed
	seat, _ := e.admit(&e.mounts[0], peer{})
	s := &session{line: line{endpoint: e, socket: &e.mounts[0], transport: newPoller(seat, &e.mounts[0], uuid.New())}}
	if seat.start(s) {
		t.Error("started by nobody")
	}
	if _, err := actor.Spawn(sys, func() *session { return s }); err == nil {
		t.Error("started all the same")
	}
	if got := e.Stats().Connections; got != 0 {
		t.Errorf("%d connections", got)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := sys.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
