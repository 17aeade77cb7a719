package ws

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A client that has not read all of a log when that ends is told to join anew: it would hear nothing
// any more.
func TestALogEndsBeforeAClientHasReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := started(t, &History{}, 0)
		early := connect(t, e, wire.V2{})
		at, _ := early.join("1", Position{}, "")
		e.Broadcast("room:a", "n", nil)
		late := connect(t, e, wire.V2{})
		late.fills(true)
		late.join("1", at, "")
		e.recorderOn("room:a").end()
		late.fills(false)
		time.Sleep(readAgain)
		synctest.Wait()
		if got := late.events(); got != "phx_reply phx_recovery phx_error" {
			t.Errorf("got %s", got)
		}
	})
}

// The logs end while a client is away whose channel lingers: when it is back it is told to join
// anew, and does not go on with a channel that hears nothing.
func TestALogEndsWhileAClientIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := started(t, &History{}, time.Minute)
		gone := connect(t, e, wire.V2{})
		at, token := gone.join("1", Position{}, "")
		hangUp(gone.session)
		synctest.Wait()
		e.archive.Load().owner.Exit(actor.Kill)
		synctest.Wait()
		back := connect(t, e, wire.V2{})
		back.session.ctx.Self().Send(sessionMsg{op: opFrame, data: fmt.Appendf(nil, `["2","2","room:a","phx_join",{"since":%q,"resume_token":%q}]`, at, token)})
		synctest.Wait()
		back.join("3", at, "")
		e.Broadcast("room:a", "n", nil)
		if got := back.events(); got != "phx_reply phx_error phx_reply phx_recovery n" {
			t.Errorf("got %s", got)
		}
	})
}

// An archive whose actor has ended records nothing, and a broadcast that needs it says so. Without an
// archive, at the end of the endpoint, a broadcast is as one that is not recorded.
func TestAnArchiveThatHasEndedRecordsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := started(t, &History{}, 0)
		h := e.historyOf("room:a")
		gone := connect(t, e, wire.V2{}).session
		hangUp(gone)
		<-gone.ctx.PID().Done()
		ended := &archive{
			endpoint: e, owner: gone.ctx.PID(),
			recorders: map[string]*recorder{}, idle: map[*History]*idlers{}, leaving: map[string]chan struct{}{},
		}
		if _, err := ended.recorderOf(t.Context(), "room:a", h); !errors.Is(err, actor.NoProc) {
			t.Errorf("a recorder of an archive that has ended: %v", err)
		}
		if r := ended.recorders["room:a"]; r.users != 0 {
			t.Errorf("%d users of it", r.users)
		}
		archive := e.archive.Swap(ended)
		if err := e.Broadcast("room:a", "n", nil, Idempotent("key")); !errors.Is(err, actor.NoProc) {
			t.Errorf("a broadcast that needs it: %v", err)
		}
		e.archive.Store(nil)
		heard := new(tally)
		if err := e.Subscribe(e.PID(), "room:a", heard); err != nil {
			t.Fatal(err)
		}
		if err := e.Broadcast("room:a", "n", nil, Idempotent("key")); err != nil || heard.n != 1 {
			t.Errorf("a broadcast without an archive: %v, %d heard it", err, heard.n)
		}
		e.archive.Store(archive)
	})
}

// tally counts what it hears.
type tally struct{ n int }

func (t *tally) Deliver(string, Broadcast) { t.n++ }

// A broadcast on a topic of which nobody knows a position begins no log, also where other topics have
// a History that is to know of each.
func TestABroadcastBeginsALogWhereThatIsOfUse(t *testing.T) {
	for mode, begins := range map[Mode]bool{Stream: false, Latest: true} {
		rooms, boards := Topic("room:*", func() mute { return mute{} }, nil), Topic("board:*", func() mute { return mute{} }, nil)
		rooms.History, boards.History = &History{Mode: mode}, &History{Mode: Latest}
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
		e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{rooms, boards}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Broadcast("room:a", "n", nil); err != nil {
			t.Error(err)
		}
		if r := e.recorderOn("room:a"); (r != nil) != begins {
			t.Errorf("mode %v: has begun a log: %v", mode, r != nil)
		}
		if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}
}
