package boundlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor/boundlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged returns a bound logger, and a function that takes the lines it has written.
func logged(level slog.Level) (*slog.Logger, func() []string) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	return boundlog.New(log), func() []string {
		lines := strings.Split(out.String(), "\n")
		out.Reset()
		return lines[:len(lines)-1]
	}
}

func TestATextIsLoggedOnlySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged(slog.LevelInfo)
		for i := range 1000 {
			log.Warn("flood", "n", i)
		}
		if got := lines(); len(got) != 100 || got[99] != "msg=flood n=99" {
			t.Errorf("%d lines at once, want the first 100", len(got))
		}
		log.Error("other") // is a text of its own
		if got := lines(); len(got) != 1 || got[0] != "msg=other" {
			t.Errorf("%q beside the flood", got)
		}
		time.Sleep(time.Second)
		for i := range 100 {
			log.With("from", "a").Warn("flood", "n", i) // the same one
		}
		got := lines()
		if len(got) != 10 || got[0] != "msg=flood from=a n=0 left_out=900" || got[1] != "msg=flood from=a n=1" {
			t.Errorf("after a second: %d lines, %q; want 10, of which the first tells of 900", len(got), got[0])
		}
		time.Sleep(time.Hour)
		for range 1000 {
			log.Warn("flood")
		}
		if got := lines(); len(got) != 100 || got[0] != "msg=flood left_out=90" {
			t.Errorf("after an hour: %d lines", len(got))
		}
	})
}

func TestDebuggingIsNotLimited(t *testing.T) {
	log, lines := logged(slog.LevelDebug)
	for range 1000 {
		log.Debug("step")
	}
	if got := len(lines()); got != 1000 {
		t.Errorf("%d lines", got)
	}
}

func TestTextsThatAreNoConstantsTakeNoMemoryForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged(slog.LevelInfo)
		for i := range 10_000 {
			log.Info(fmt.Sprint("text ", i))
		}
		if got := len(lines()); got != 256+100 {
			t.Errorf("%d lines, want one for each of 256 texts, and 100 for the rest", got)
		}
	})
}

type shown struct{ as any }

func (s shown) LogValue() slog.Value { return slog.AnyValue(s.as) }

type broken struct{}

func (broken) Error() string { panic("Error") }

func TestValuesAreCut(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	log, lines := logged(slog.LevelInfo)
	for name, attr := range map[string]any{
		"text":    huge,
		"error":   errors.New(huge),
		"group":   slog.GroupValue(slog.String("a", huge), slog.Any("b", []string{huge})),
		"struct":  struct{ S string }{huge},
		"bytes":   []byte(huge),
		"valuer":  shown{huge},
		"valuers": shown{shown{errors.New(huge)}},
		"runes":   strings.Repeat("é", 1<<20),
	} {
		log.Info(name, name, attr)
		got := lines()[0]
		if len(got) < 4000 || len(got) > 10_000 || !strings.Contains(got, " bytes)") {
			t.Errorf("%s: %d bytes were logged, %.60s…%s", name, len(got), got, got[len(got)-60:])
		}
	}
	log.With("kept", huge).Info(huge)
	if got := lines()[0]; len(got) > 10_000 {
		t.Errorf("%d bytes were logged", len(got))
	}
}

func TestOtherValuesAreLoggedAsTheyAre(t *testing.T) {
	log, lines := logged(slog.LevelInfo)
	var none *broken
	log.Info("all", "s", "short", "n", 1, "d", time.Second, "nil", nil, "err", errors.New("e"), "shown", shown{2},
		slog.Group("g", "a", true), "stringer", time.UTC, "status", slog.LevelWarn, "broken", broken{}, "none", none)
	const want = `msg=all s=short n=1 d=1s nil=<nil> err=e shown=2 g.a=true stringer=UTC status=WARN broken="%!v(PANIC=Error method: Error)" none=<nil>`
	if got := lines(); got[0] != want {
		t.Errorf("got  %s\nwant %s", got[0], want)
	}
}

func TestABoundLoggerIsNotBoundTwice(t *testing.T) {
	log, _ := logged(slog.LevelInfo)
	if boundlog.New(log) != log {
		t.Error("it is")
	}
}
