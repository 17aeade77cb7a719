package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts the seats, in a system that ends with the test.
func start(t *testing.T) Seats {
	t.Helper()
	child, seats := newSeats()
	_, err := supervisor.Start(actortest.NewSystem(t), supervisor.Spec{Children: []supervisor.Child{child}})
	if err != nil {
		t.Fatal(err)
	}
	return seats
}

func TestSeatsOverHTTP(t *testing.T) {
	web := routes(start(t), new(actors))
	for _, step := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"PUT", "/seats/A1?for=ann", http.StatusNoContent, ""},
		{"PUT", "/seats/A1?for=ann", http.StatusNoContent, ""},
		{"PUT", "/seats/A1?for=bob", http.StatusConflict, "the seat is taken\n"},
		{"PUT", "/seats/A1", http.StatusBadRequest, "for whom?\n"},
		{"GET", "/seats", http.StatusOK, `{"A1":"ann"}` + "\n"},
		{"DELETE", "/seats/A1?for=bob", http.StatusNoContent, ""},
		{"PUT", "/seats/A1?for=bob", http.StatusConflict, "the seat is taken\n"},
		{"DELETE", "/seats/A1?for=ann", http.StatusNoContent, ""},
		{"PUT", "/seats/A1?for=bob", http.StatusNoContent, ""},
	} {
		answer := httptest.NewRecorder()
		web.ServeHTTP(answer, httptest.NewRequest(step.method, step.path, nil))
		if answer.Code != step.status || answer.Body.String() != step.body {
			t.Errorf("%s %s: %d %q, want %d %q", step.method, step.path, answer.Code, answer.Body, step.status, step.body)
		}
	}
}

func TestAHoldEndsAfterTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seats := start(t)
		if err := seats.Hold(t.Context(), "A1", "ann"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(holdTime - time.Second) // takes no time
		if err := seats.Hold(t.Context(), "A1", "bob"); !errors.Is(err, ErrTaken) {
			t.Errorf("%v, want %v", err, ErrTaken)
		}
		time.Sleep(2 * time.Second)
		if err := seats.Hold(t.Context(), "A1", "bob"); err != nil {
			t.Error(err)
		}
	})
}

func TestACrashFreesTheSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seats := start(t)
		if err := seats.Hold(t.Context(), "A1", "ann"); err != nil {
			t.Fatal(err)
		}
		actortest.Crash(t, seats.ref.PID(), nil)
		synctest.Wait() // until nothing more happens: the supervisor has started another hall
		if err := seats.Hold(t.Context(), "A1", "bob"); err != nil {
			t.Error(err)
		}
	})
}
