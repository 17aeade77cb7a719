package supervisor

import (
	"testing"
	"time"
)

// A wait doubles up to Max, however many failures there are, and jitter only
// shortens it.
func TestBackoffWait(t *testing.T) {
	plain := Backoff{Min: time.Second, Max: 5 * time.Second}
	shaky := Backoff{Min: time.Second, Max: 5 * time.Second, Jitter: 0.5}
	for _, c := range []struct {
		backoff  Backoff
		failures int
		random   float64
		want     time.Duration
	}{
		{plain, 0, 0.9, 1 * time.Second},
		{plain, 1, 0.9, 2 * time.Second},
		{plain, 2, 0.9, 4 * time.Second},
		{plain, 3, 0.9, 5 * time.Second},
		{plain, 1 << 30, 0.9, 5 * time.Second},
		{shaky, 1, 0, 2 * time.Second},
		{shaky, 1, 0.5, 1500 * time.Millisecond},
		{shaky, 1, 1, 1 * time.Second},
		{Backoff{Min: 1, Max: 1, Jitter: 1}, 0, 1, 1}, // never 0, which means none
	} {
		if got := c.backoff.wait(c.failures, c.random); got != c.want {
			t.Errorf("%+v after %d failures: %v, want %v", c.backoff, c.failures, got, c.want)
		}
	}
}

// A child that has run for Max is forgiven; failed starts never are.
func TestPaceForgives(t *testing.T) {
	p := newPace(Backoff{Min: 1, Max: 100})
	step := func(what string, got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: wait %d, want %d", what, got, want)
		}
	}
	p.started(0)
	step("first end", p.ended(99), 1)
	step("failed start", p.failed(), 2)
	step("failed start", p.failed(), 4)
	p.started(1000)
	step("end just before Max", p.ended(1099), 8)
	p.started(2000)
	step("end at Max", p.ended(2100), 1)
	p.started(2200)
	step("end soon after", p.ended(2201), 2)
	p.reset()
	step("end after a reset", p.ended(2202), 1)

	p = newPace(Backoff{})
	p.started(0)
	p.reset()
	step("without back-off", p.ended(1)+p.failed(), 0)
}

func TestBackoffDefaults(t *testing.T) {
	for _, c := range []struct{ given, want Backoff }{
		{Backoff{}, Backoff{}},
		{Backoff{Min: 1}, Backoff{Min: 1, Max: 30 * time.Second}},
		{Backoff{Min: time.Hour}, Backoff{Min: time.Hour, Max: time.Hour}},
		{Backoff{Min: 1, Max: 2}, Backoff{Min: 1, Max: 2}},
	} {
		if got := c.given.withDefaults(); got != c.want {
			t.Errorf("%+v becomes %+v, want %+v", c.given, got, c.want)
		}
	}
}
