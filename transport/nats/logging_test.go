package nats

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
)

// badHandler is a handler of package slog that does what it must not.
type badHandler struct {
	slog.Handler
	do func()
}

func (h badHandler) Handle(context.Context, slog.Record) error {
	h.do()
	return nil
}

// A log that fails costs its record: what comes behind it is received.
func TestFaultOfALogCostsTheRecord(t *testing.T) {
	s := startServer(t)
	release := make(chan struct{})
	defer close(release)
	for name, do := range map[string]func(){
		"panic":  func() { panic("a handler") },
		"goexit": runtime.Goexit,
		"block":  func() { <-release },
	} {
		t.Run(name, func(t *testing.T) {
			got, called := make(chan string, 1), make(chan struct{}, 1)
			bad := badHandler{slog.Default().Handler(), func() {
				called <- struct{}{}
				do()
			}}
			a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: prefix(), Logger: slog.New(bad)}
			join(t, a, func(topic string, _ []byte) { got <- topic })
			for _, data := range [][]byte{{200}, frame{incarnation: 1, topic: "t"}.append(nil)} {
				if err := a.Conn.Publish(subjectOf(a, "b", "t"), data); err != nil {
					t.Fatal(err)
				}
			}
			await(t, called)
			if m := await(t, got); m != "t" {
				t.Errorf("received %q", m)
			}
		})
	}
}
