package flight_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/flight"
)

// isTrace reports whether b is a trace that has an actor marked.
func isTrace(b []byte, of actor.PID, mark string) bool {
	return bytes.HasPrefix(b, []byte("go 1.")) && bytes.Contains(b, []byte(of.String()+mark))
}

func TestACrashIsDumped(t *testing.T) {
	sys, log := newSystem(t)
	r := start(t, sys, flight.Config{Dir: filepath.Join(t.TempDir(), "new", "dir")})
	before := time.Now().Add(-time.Millisecond)
	pid := crash(t, sys)
	log.expect(t, "flight: dumped")
	list := dumps(t, r)
	if len(list) != 1 {
		t.Fatalf("dumps: %v", list)
	}
	d := list[0]
	if d.Cause != "crash" || "<"+d.PID+">" != pid.String() || d.Time.Before(before) || d.Time.After(time.Now()) {
		t.Errorf("%+v", d)
	}
	b, err := os.ReadFile(d.Path)
	if err != nil || int64(len(b)) != d.Bytes || !isTrace(b, pid, " crashed") {
		t.Errorf("%d bytes of %d, %v, marked: %v", len(b), d.Bytes, err, isTrace(b, pid, " crashed"))
	}
}

func TestASlowHandlerIsDumped(t *testing.T) {
	sys, log := newSystem(t)
	defer sys.Watchdog(10 * time.Millisecond)()
	r := start(t, sys, flight.Config{Dir: t.TempDir()})
	release := make(chan struct{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { <-release; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	ref.Send(1)
	log.expect(t, "flight: dumped")
	close(release)
	list := dumps(t, r)
	if len(list) != 1 || list[0].Cause != "slow" {
		t.Fatalf("dumps: %v", list)
	}
	if b, err := os.ReadFile(list[0].Path); err != nil || !isTrace(b, ref.PID(), " has run a handler for ") {
		t.Errorf("%v, %d bytes", err, len(b))
	}
}

// There is one dump in Every, and there are Keep files, of all runs.
func TestDumpsAreBounded(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		sys, log := newSystem(t)
		r := start(t, sys, flight.Config{Dir: dir, Every: time.Hour})
		for range 20 {
			crash(t, sys)
		}
		log.expect(t, "flight: dumped")
		r.Stop() // what is due would be written first
		if len(log) != 0 {
			t.Error("a second dump within the hour")
		}
	}
	sys, log := newSystem(t)
	r := start(t, sys, flight.Config{Dir: dir, Every: 1, Keep: 3})
	var last actor.PID
	for range 3 {
		last = crash(t, sys)
		log.expect(t, "flight: dumped")
	}
	r.Stop()
	list := dumps(t, r)
	if len(list) != 3 || "<"+list[0].PID+">" != last.String() || list[0].Time.Before(list[2].Time) {
		t.Errorf("dumps: %v", list)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// The actor that crashes does not wait for the dump, and those that are due when the system
// shuts down are written.
func TestNobodyWaitsForADump(t *testing.T) {
	sys, log := newSystem(t)
	r := start(t, sys, flight.Config{Dir: t.TempDir()})
	if err := keeper(t, sys).Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	crash(t, sys) // returns when all have been told
	if list := dumps(t, r); len(list) != 0 {
		t.Fatalf("dumps: %v", list)
	}
	if err := keeper(t, sys).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	log.expect(t, "flight: dumped")
	if list := dumps(t, r); len(list) != 1 {
		t.Errorf("dumps: %v", list)
	}
}

// Go's runtime records for one at a time: for the next one when the last one has stopped, by
// itself, with its system, or by a kill.
func TestOneRecorderAtATime(t *testing.T) {
	ends := map[string]func(sys *actor.System, r *flight.Recorder){
		"Stop": func(_ *actor.System, r *flight.Recorder) { r.Stop(); r.Stop() },
		"Shutdown": func(sys *actor.System, _ *flight.Recorder) {
			if err := sys.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"kill": func(sys *actor.System, _ *flight.Recorder) {
			pid := keeper(t, sys)
			pid.Exit(actor.Kill)
			<-pid.Done()
		},
	}
	for name, end := range ends {
		sys, _ := newSystem(t)
		r := start(t, sys, flight.Config{})
		if _, err := flight.Start(sys, flight.Config{}); err == nil {
			t.Errorf("%s: a second one", name)
		}
		end(sys, r)
		if _, err := r.WriteTo(io.Discard); !errors.Is(err, flight.ErrStopped) {
			t.Errorf("%s: %v, want ErrStopped", name, err)
		}
		if sys.Observed() {
			t.Errorf("%s: it still observes", name)
		}
	}
	sys, _ := newSystem(t)
	start(t, sys, flight.Config{}).Stop()
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := flight.Start(sys, flight.Config{}); !errors.Is(err, actor.ErrClosed) {
		t.Errorf("in a system that has been shut down: %v", err)
	}
}

// stalled is a writer that nobody reads from.
type stalled struct{ entered, release chan struct{} }

func (s stalled) Write(p []byte) (int, error) {
	s.entered <- struct{}{}
	<-s.release
	return len(p), nil
}

// A download is a trace, and one that stalls keeps no other and no dump waiting.
func TestDownloads(t *testing.T) {
	sys, log := newSystem(t)
	r := start(t, sys, flight.Config{Dir: t.TempDir()})
	s := stalled{make(chan struct{}), make(chan struct{})}
	over := make(chan error)
	go func() {
		_, err := r.WriteTo(s)
		over <- err
	}()
	<-s.entered
	pid := crash(t, sys)
	log.expect(t, "flight: dumped")
	var b bytes.Buffer
	if n, err := r.WriteTo(&b); err != nil || n != int64(b.Len()) || !isTrace(b.Bytes(), pid, " crashed") {
		t.Errorf("%d of %d bytes, %v", n, b.Len(), err)
	}
	close(s.release)
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// A directory that does not work is an error at the start, and later a record in the log:
// the recorder goes on.
func TestFaultsOfTheDirectory(t *testing.T) {
	sys, log := newSystem(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]flight.Config{
		"a file": {Dir: file}, "MinAge": {MinAge: -1}, "Keep": {Keep: -1}, "Every": {Every: -1},
	} {
		if _, err := flight.Start(sys, cfg); err == nil || !strings.HasPrefix(err.Error(), "flight: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "dir")
	r := start(t, sys, flight.Config{Dir: dir, Every: 1})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	crash(t, sys)
	log.expect(t, "flight: no dump")
	if _, err := r.Dumps(); err == nil {
		t.Error("dumps of a directory that is gone")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".flight-1.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	crash(t, sys)
	log.expect(t, "flight: dumped")
	r.Stop()
	start(t, sys, flight.Config{Dir: dir}).Stop()
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// BenchmarkCallRecorded: what recording costs where goroutines do little but wake each other.
func BenchmarkCallRecorded(b *testing.B) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run(name, func(b *testing.B) {
			sys, _ := newSystem(b)
			if on {
				defer start(b, sys, flight.Config{}).Stop()
			}
			echo, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
				r.Send(1)
				return nil
			}))
			if err != nil {
				b.Fatal(err)
			}
			ask := func(r actor.Reply[int]) actor.Reply[int] { return r }
			for b.Loop() {
				if _, err := actor.Call(b.Context(), echo, ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
