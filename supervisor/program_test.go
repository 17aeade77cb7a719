package supervisor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// errRefused is why a database cannot be reached.
var errRefused = errors.New("connection refused")

// program is a Program that runs.
type program struct {
	*stage
	sys   *actor.System // its own
	root  supervisor.Tree
	stop  context.CancelFunc
	ended chan error
}

// running runs a program, and hands it to f when its children run. It fails the test if
// anything of the program runs after that.
func running(t *testing.T, describe func(s *stage) supervisor.Program, f func(p program)) {
	t.Helper()
	onStage(t, func(s *stage) {
		ctx, cancel := context.WithCancel(s.Context())
		defer cancel()
		p := program{stage: s, stop: cancel, ended: make(chan error, 1)}
		spec := describe(s)
		spec.Config.Logger = s.sys.Logger()
		spec.OnStart = func(sys *actor.System, root supervisor.Tree) { p.sys, p.root = sys, root }
		go func() { p.ended <- spec.Run(ctx) }()
		synctest.Wait()
		f(p)
		if n := p.sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// expectReturn fails the test if Run does not return within exactly d from now.
func (p program) expectReturn(d time.Duration) error {
	p.Helper()
	begin := time.Now()
	err := <-p.ended
	if took := time.Since(begin); took != d {
		p.Errorf("it took %v, want %v", took, d)
	}
	return err
}

// GO-29, APP-3: children are drained while they still run, and stopped in reverse order.
func TestProgramDrainsAndStopsInOrder(t *testing.T) {
	running(t, func(s *stage) supervisor.Program {
		return supervisor.Program{
			Spec: supervisor.Spec{Children: s.children("a b c")},
			Drain: func(context.Context) error {
				s.note("drain")
				time.Sleep(time.Second)
				return nil
			},
		}
	}, func(p program) {
		p.expect("+a, +b, +c")
		p.stop()
		p.ok(p.expectReturn(time.Second))
		p.expect("drain, -c shutdown, -b shutdown, -a shutdown")
	})
}

// APP-1: a start that fails is undone in reverse order.
func TestProgramWhoseChildDoesNotStart(t *testing.T) {
	onStage(t, func(s *stage) {
		s.failNext("c", 1)
		err := supervisor.Program{
			Spec:   supervisor.Spec{Children: s.children("a b c d")},
			Config: actor.Config{Logger: s.sys.Logger()},
			Drain: func(context.Context) error {
				s.note("drain")
				return nil
			},
			OnStart: func(*actor.System, supervisor.Tree) { s.note("started") },
		}.Run(s.Context())
		s.expectError(err, errFlat)
		s.expectText(err, `supervisor: start: child "c": flat`)
		s.expect("+a, +b, c fails, -b shutdown, -a shutdown")
	})
}

func TestProgramWithABadSpec(t *testing.T) {
	err := supervisor.Program{
		Spec:   supervisor.Spec{Intensity: -1},
		Config: actor.Config{Logger: slog.New(slog.DiscardHandler)},
	}.Run(t.Context())
	if _, ok := errors.AsType[*supervisor.SpecError](err); !ok {
		t.Errorf("got error %v", err)
	}
}

// APP-2: a program whose tree has given up must not linger. The error says which child
// was the trouble, and what was the matter with it.
func TestProgramEndsWithItsTree(t *testing.T) {
	for _, c := range []struct {
		name string
		spec func(s *stage) supervisor.Spec
		want string
	}{
		{
			"a child crashes too often",
			func(s *stage) supervisor.Spec {
				return supervisor.Spec{Children: s.children("cache database")}
			},
			`child "database": more than 1 restart in 5s: connection refused`,
		},
		{
			"a child of a child crashes too often",
			func(s *stage) supervisor.Spec {
				return supervisor.Spec{
					Period:   time.Minute,
					Children: []supervisor.Child{supervisor.Supervisor("store", supervisor.Spec{Children: s.children("database")})},
				}
			},
			`child "store": more than 0 restarts in 1m0s: child "database": more than 1 restart in 5s: connection refused`,
		},
		{
			"a significant child ends",
			func(s *stage) supervisor.Spec {
				return supervisor.Spec{
					AutoShutdown: supervisor.AnySignificant,
					Children:     s.children("database", supervisor.Temporary, supervisor.Significant),
				}
			},
			`child "database": has ended and is significant: connection refused`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			running(t, func(s *stage) supervisor.Program {
				return supervisor.Program{
					Spec: c.spec(s),
					Drain: func(context.Context) error {
						s.note("drain")
						return nil
					},
				}
			}, func(p program) {
				p.settle()
				for p.root.PID().Alive() {
					p.send("database", errRefused)
					synctest.Wait()
				}
				err := p.expectReturn(0)
				p.expectText(err, "supervisor: run: "+c.want)
				p.expectError(err, errRefused)
				if got := p.settle(); strings.Contains(got, "drain") {
					t.Errorf("what has ended was drained: %s", got)
				}
			})
		})
	}
}

// The cause is as well what keeps a child from starting again.
func TestProgramWhoseChildDoesNotStartAgain(t *testing.T) {
	running(t, func(s *stage) supervisor.Program {
		return supervisor.Program{Spec: supervisor.Spec{Children: s.children("a")}}
	}, func(p program) {
		p.failNext("a", 1)
		p.send("a", errRefused)
		err := p.expectReturn(0)
		p.expectError(err, errFlat)
		if want := `child "a": more than 1 restart in 5s: `; !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	})
}

func TestProgramWhoseTreeIsKilled(t *testing.T) {
	running(t, func(s *stage) supervisor.Program {
		return supervisor.Program{Spec: supervisor.Spec{Children: s.children("a")}}
	}, func(p program) {
		p.root.PID().Exit(actor.Kill)
		err := p.expectReturn(0)
		p.expectText(err, "supervisor: run: the tree has ended: killed")
		p.expectError(err, actor.Killed)
	})
}

// A Drain can hold up the stop for half of the grace at most, whatever it does.
func TestDrainCannotHoldUpTheStop(t *testing.T) {
	for _, c := range []struct {
		name  string
		drain func(ctx context.Context, over <-chan struct{}) error
		takes time.Duration
		want  error
	}{
		{"fails", func(context.Context, <-chan struct{}) error { return errFlat }, 0, errFlat},
		{"panics", func(context.Context, <-chan struct{}) error { panic(errFlat) }, 0, errFlat},
		{"panics with nil", func(context.Context, <-chan struct{}) error {
			panic(nil)
		}, 0, nil},
		{"calls Goexit", func(context.Context, <-chan struct{}) error {
			runtime.Goexit()
			return nil
		}, 0, actor.Goexit},
		{"heeds its context", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}, 10 * time.Second, context.DeadlineExceeded},
		{"blocks", func(_ context.Context, over <-chan struct{}) error {
			<-over
			return nil
		}, 10 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			over := make(chan struct{})
			running(t, func(s *stage) supervisor.Program {
				over = make(chan struct{})
				return supervisor.Program{
					Spec:  supervisor.Spec{Children: s.children("a")},
					Grace: 20 * time.Second,
					Drain: func(ctx context.Context) error { return c.drain(ctx, over) },
				}
			}, func(p program) {
				defer close(over)
				p.stop()
				err := p.expectReturn(c.takes)
				if err == nil || !errors.Is(err, c.want) && c.want != nil {
					t.Errorf("got error %v, want %v", err, c.want)
				}
				p.expect("+a, -a shutdown")
			})
		})
	}
}

// A Drain ends when there is nothing left to drain.
func TestDrainOfATreeThatEndsMeanwhile(t *testing.T) {
	running(t, func(s *stage) supervisor.Program {
		return supervisor.Program{
			Spec: supervisor.Spec{Period: time.Hour, Children: s.children("a")},
			Drain: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		}
	}, func(p program) {
		p.stop()
		synctest.Wait()
		p.send("a", errRefused)
		p.expectText(p.expectReturn(0), `supervisor: run: child "a": more than 0 restarts in 1h0m0s: connection refused`)
	})
}

// APP-5, GO-29: what does not stop is killed when the grace is over, and named.
func TestProgramWithAChildThatDoesNotStop(t *testing.T) {
	over := make(chan struct{})
	stuck := supervisor.Service("stuck", func(context.Context) error {
		<-over
		return nil
	}, supervisor.Infinity)
	running(t, func(s *stage) supervisor.Program {
		over = make(chan struct{})
		return supervisor.Program{
			Spec:  supervisor.Spec{Children: append(s.children("a"), stuck)},
			Grace: 10 * time.Second,
		}
	}, func(p program) {
		defer close(over)
		p.stop()
		err := p.expectReturn(10*time.Second + 100*time.Millisecond)
		slow, ok := errors.AsType[*actor.ShutdownError](err)
		if !ok || len(slow.Abandoned) != 1 {
			t.Errorf("got error %v", err)
		}
		p.expect("+a") // killed as well: its Terminate does not run
	})
}

// One that its supervisor has given up is named, too, although the stop was in time.
func TestProgramWithAChildThatWasAbandoned(t *testing.T) {
	over := make(chan struct{})
	stuck := supervisor.Service("stuck", func(context.Context) error {
		<-over
		return nil
	}, supervisor.Shutdown(2*time.Second))
	running(t, func(s *stage) supervisor.Program {
		over = make(chan struct{})
		return supervisor.Program{Spec: supervisor.Spec{Children: append(s.children("a"), stuck)}}
	}, func(p program) {
		defer close(over)
		p.stop()
		err := p.expectReturn(3*time.Second + 100*time.Millisecond)
		slow, ok := errors.AsType[*actor.ShutdownError](err)
		if !ok || len(slow.Abandoned) != 1 {
			t.Errorf("got error %v", err)
		}
		p.expect("+a, -a shutdown")
	})
}

// A program can be stopped before it has started. What a Start function does alone is
// left alone.
func TestProgramThatIsStoppedWhileItStarts(t *testing.T) {
	over := make(chan struct{})
	for _, c := range []struct {
		name  string
		start func()
		takes time.Duration
	}{
		{"slow", func() { time.Sleep(time.Second) }, time.Second},
		{"for ever", func() { <-over }, 25 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				over = make(chan struct{})
				defer close(over)
				ctx, stop := context.WithCancel(s.Context())
				defer stop()
				late := s.child("late")
				start := late.Start
				late.Start = func(parent actor.Self) (actor.PID, error) {
					c.start()
					return start(parent)
				}
				ended := make(chan error, 1)
				go func() {
					ended <- supervisor.Program{
						Spec:    supervisor.Spec{Children: append(s.children("a"), late)},
						Config:  actor.Config{Logger: slog.New(slog.DiscardHandler)},
						Drain:   func(context.Context) error { s.note("drain"); return nil },
						OnStart: func(*actor.System, supervisor.Tree) { s.note("started") },
					}.Run(ctx)
				}()
				synctest.Wait()
				begin := time.Now()
				stop()
				err := <-ended
				if took := time.Since(begin); took != c.takes {
					t.Errorf("it took %v, want %v", took, c.takes)
				}
				if slow := c.takes > time.Second; slow != (err != nil) {
					t.Errorf("got error %v", err)
				}
			})
		})
	}
}

// A hook that fails costs nothing but a line in the log.
func TestOnStartThatFails(t *testing.T) {
	for name, hook := range map[string]func(){
		"panics":       func() { panic(errFlat) },
		"calls Goexit": runtime.Goexit,
		"blocks":       func() { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
				defer cancel()
				s.ok(supervisor.Program{
					Spec:    supervisor.Spec{Children: s.children("a")},
					Config:  actor.Config{Logger: s.sys.Logger()},
					OnStart: func(*actor.System, supervisor.Tree) { hook() },
				}.Run(ctx))
				s.expect("+a, -a shutdown")
				if got := s.settleReports(); len(got) != 1 || !strings.HasPrefix(got[0], "OnStart failed") {
					t.Errorf("reports: %q", got)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// mainEnv tells the test program to be a program of that kind.
const mainEnv = "TROUPE_TEST_MAIN"

// TestMainOfAProgram is what the next test runs.
func TestMainOfAProgram(t *testing.T) {
	var spec supervisor.Spec
	switch os.Getenv(mainEnv) {
	case "":
		t.Skip("it is for TestMainSaysHowItWentByItsExitCode")
	case "lasts":
		spec.Children = []supervisor.Child{supervisor.Service("a", untilDone)}
	case "gives up":
		spec.Children = []supervisor.Child{supervisor.Service("a", func(context.Context) error { return errRefused })}
	case "stuck":
		spec.Children = []supervisor.Child{supervisor.Service("a", func(context.Context) error { select {} }, supervisor.Infinity)}
	}
	supervisor.Main(supervisor.Program{
		Spec:    spec,
		Config:  actor.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))},
		OnStart: func(*actor.System, supervisor.Tree) { os.Stdout.WriteString("started\n") },
	})
	os.Exit(0) // nothing but what Main says counts
}

// GO-29, APP-4: an orderly stop is exit code 0, and everything else 1, logged once.
func TestMainSaysHowItWentByItsExitCode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent a signal")
	}
	for _, c := range []struct {
		name    string
		signals int
		code    int
		log     string
	}{
		{"lasts", 1, 0, ""},
		{"gives up", 0, 1, `child \"a\": more than 1 restart in 5s: connection refused`},
		{"stuck", 2, 1, "stuck"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestMainOfAProgram$")
			cmd.Env = append(os.Environ(), mainEnv+"="+c.name)
			var log strings.Builder
			cmd.Stderr = &log
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if c.signals > 0 {
				if _, err := io.ReadFull(out, make([]byte, len("started\n"))); err != nil {
					t.Error(err)
				}
				for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt}[:c.signals] {
					if err := cmd.Process.Signal(sig); err != nil {
						t.Error(err)
					}
				}
			}
			io.Copy(io.Discard, out)
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if n := strings.Count(log.String(), "program ended"); n != c.code || !strings.Contains(log.String(), c.log) {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}
