package channels

import (
	"context"
	"errors"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// newTroupe is an endpoint as anybody would write it.
func newTroupe(park bool) (backend, error) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	socket := ws.Socket{
		Path:     socketPath,
		Park:     park,
		Channels: ws.Routes{ws.Topic("room:*", func() room { return room{} }, nil)},
	}
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{socket}})
	return backend{
		Handler: endpoint,
		slow:    func() uint64 { return endpoint.Stats().SlowConsumers },
		stop: func(ctx context.Context) error {
			return errors.Join(endpoint.Shutdown(ctx), sys.Shutdown(ctx))
		},
	}, err
}

type room struct{}

func (room) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "echo":
		return ws.OK(in), nil
	case "shout":
		return ws.OK(nil), c.Broadcast(event, in)
	}
	return ws.UnknownEvent, nil
}
