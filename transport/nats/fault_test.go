package nats

import (
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// faults are what a function must not do, and what an actor ends with that has it done.
var faults = map[string]struct {
	do func()
	is func(error) bool
}{
	"panic": {
		do: func() { panic("a function") },
		is: func(err error) bool {
			var p *actor.PanicError
			return errors.As(err, &p)
		},
	},
	"goexit": {
		do: runtime.Goexit,
		is: func(err error) bool { return errors.Is(err, actor.Goexit) },
	},
}

// A function of the program's that fails ends nothing but what it is for.
func TestFaultOfAFunctionIsContained(t *testing.T) {
	s := startServer(t)
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			log, lost := make(logLines, 1), make(chan struct{}, 1)
			a := newNode(t, s, prefix(), "a", NamesConfig{
				Logger: slog.New(slog.NewTextHandler(log, nil)),
				Lost: func(string, actor.PID) {
					lost <- struct{}{}
					fault.do()
				},
			})

			// A monitor's, and the one that makes a message for an actor.
			ref, _ := a.listener(t)
			mine, _ := a.listener(t)
			a.register(t, "x", ref)
			r := a.lookup(t, "x")
			if _, err := r.Monitor(t.Context(), func(error) { fault.do() }); err != nil {
				t.Fatal(err)
			}
			wrap := func(error) (m string) {
				fault.do()
				return m
			}
			if _, err := MonitorTo(t.Context(), r, mine, wrap); err != nil {
				t.Fatal(err)
			}
			ref.PID().Exit(actor.Kill)
			await(t, mine.PID().Done())
			if reason := mine.PID().Err(); !fault.is(reason) {
				t.Errorf("the actor with the monitor ended with %v", reason)
			}
			if line := await(t, log); !strings.Contains(line, "function of a monitor failed") {
				t.Errorf("logged: %s", line)
			}

			// The one that is told of a loss.
			next, _ := a.listener(t)
			a.register(t, "y", next)
			h := a.leases.find("y")
			if err := a.kv(t).Purge(t.Context(), keyOf("y")); err != nil {
				t.Fatal(err)
			}
			h.renew(t.Context())
			await(t, lost)
			if !next.PID().Alive() {
				t.Error("the actor whose name was lost has ended")
			}
			a.register(t, "y", next)
		})
	}
}
