package main

import (
	"context"
	"testing"

	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestProgramDoesNotOutliveItsFailure(t *testing.T) {
	killing.EachChild(t, program, func(ctx context.Context, c *wsclient.Client) error {
		room, lobby := c.Channel("room:1", nil), c.Channel("presence:1", nil)
		defer room.Leave(ctx)
		defer lobby.Leave(ctx)
		present := make(chan struct{}, 100)
		lobby.On("presence_state", func(wsclient.Message) { present <- struct{}{} })
		if _, err := lobby.Join(ctx); err != nil {
			return err
		}
		select {
		case <-present:
		case <-ctx.Done():
			return ctx.Err()
		}
		if _, err := room.Join(ctx); err != nil {
			return err
		}
		_, err := room.Push(ctx, "echo", nil)
		return err
	})
}
