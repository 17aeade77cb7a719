package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestSeatsDoNotOutliveTheirFailure(t *testing.T) {
	transport := &http.Transport{DisableKeepAlives: true}
	var at string
	killing.EachChild(t, func(addr string) supervisor.Program {
		at = addr
		return program(addr)
	}, func(ctx context.Context, _ *wsclient.Client) error {
		put, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+at+"/seats/A1?for=ann", nil)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(put)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			return fmt.Errorf("status %d", answer.StatusCode)
		}
		return nil
	})
}

func TestThePageOfActorsCounts(t *testing.T) {
	page := new(actors)
	sys := actor.NewSystem(actor.Config{
		Logger:      slog.New(slog.DiscardHandler),
		Instruments: []actor.Instrument{page.instrument()},
	})
	t.Cleanup(func() { sys.Shutdown(context.Background()) })
	child, seats := newSeats()
	restarted := make(chan supervisor.Restarted, 1)
	tree, err := supervisor.Start(sys, supervisor.Spec{
		Children:  []supervisor.Child{child},
		OnRestart: func(r supervisor.Restarted) { restarted <- r },
	})
	if err != nil {
		t.Fatal(err)
	}
	if body := look(page); body != "starting\n" {
		t.Errorf("before the start: %q", body)
	}
	page.watch(sys, tree)
	hall := seats.ref.PID()
	if err := seats.Hold(t.Context(), "A1", "ann"); err != nil {
		t.Fatal(err)
	}
	actortest.Crash(t, hall, nil)
	<-restarted
	body := look(page)
	for _, want := range []string{"handled: 1 in ", "crashes: 1\n", "seats", "restarts:1"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

func look(page *actors) string {
	answer := httptest.NewRecorder()
	page.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/debug/actors", nil))
	return answer.Body.String()
}
