package statem_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// safe is a machine that says how its data is shown.
type safe struct{ hooked }

func (*safe) LogValue() slog.Value { return slog.GroupValue(slog.String("code", "***")) }

// GS-47, T-53: the log of a crash shows the state, and the data as the machine
// shows it; of a machine that says nothing it shows nothing.
func TestCrashLog(t *testing.T) {
	for name, m := range map[string]machine{"shown": &safe{}, "not shown": &hooked{}} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer // written before the end is announced
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			defer sys.Shutdown(t.Context())
			ref, err := actor.Spawn(sys, statem.New(func() machine { return m }))
			if err != nil {
				t.Fatal(err)
			}
			ref.Send(to("open", "b", nil))
			ref.Send(step{"crash", func(*stateContext, string) (string, error) { return "c", errBroken }})
			<-ref.PID().Done()
			if got := strings.Contains(log.String(), "state.state=b state.data.code=***"); got != (name == "shown") {
				t.Errorf("shown: %v\n%s", got, &log)
			}
			if strings.Count(log.String(), "actor crashed") != 1 || strings.Count(log.String(), "state.") > 2 {
				t.Errorf("log:\n%s", &log)
			}
		})
	}
}
