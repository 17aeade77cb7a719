package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// says joins the lobby, whatever the payload, and waits for what it says to come back.
func says(ctx context.Context, c *wsclient.Client) error {
	lobby := c.Channel("room:lobby", func() any { return map[string]any{"any": []int{1}} })
	defer lobby.Leave(ctx)
	heard := make(chan wsclient.Message, 1)
	lobby.On("new_msg", func(m wsclient.Message) { heard <- m })
	if _, err := lobby.Join(ctx); err != nil {
		return err
	}
	said := map[string]string{"body": "hello", "user": "ann"}
	if err := lobby.Send("new_msg", said); err != nil {
		return err
	}
	select {
	case m := <-heard:
		if got := m.Payload.String(); got != `{"body":"hello","user":"ann"}` {
			return fmt.Errorf("heard %s", got)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestRoomDoesNotOutliveItsFailure(t *testing.T) {
	killing.EachChild(t, func(at string) supervisor.Program {
		addr = at
		return program()
	}, says)
}

// The first listing of the README is to be read at a glance.
func TestRoomIsShort(t *testing.T) {
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(code)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	if n > 25 {
		t.Errorf("%d lines of Go, want 25 at most", n)
	}
}
