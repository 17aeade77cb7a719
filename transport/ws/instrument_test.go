package ws_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// requestKey is the number of a request, which the instrument here counts at the edge: for
// each handling of a channel that no other request led to.
type requestKey struct{}

// clerk looks things up for the channels of its clients, and notes for which request.
type clerk struct {
	lookups actor.Ref[actor.Reply[string]]
}

func (k *clerk) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	found, err := k.lookUp(c)
	return map[string]string{"for": found}, err
}

func (k *clerk) HandleIn(c *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	if event == "crash" {
		panic("at the desk")
	}
	found, err := k.lookUp(c)
	return ws.OK(map[string]string{"for": found}), err
}

func (k *clerk) Terminate(*ws.Channel, error) {}

func (k *clerk) lookUp(c *ws.Channel) (string, error) {
	return actor.Call(c.Context(), k.lookups, func(r actor.Reply[string]) actor.Reply[string] { return r })
}

// Instruments are told the type of a channel's handler, also before there is one, and what
// becomes of an event. What they give an event goes on to those that the handler calls.
func TestInstrumentsSeeHandlersOfChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		requests := 0
		isClerk := func(h *actor.Handling) bool { return h.Behavior == reflect.TypeFor[*clerk]() }
		edge := actor.Instrument{
			Begin: func(ctx context.Context, h *actor.Handling) context.Context {
				if !isClerk(h) || h.Handler != "Receive" {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				requests++
				return context.WithValue(ctx, requestKey{}, fmt.Sprint("request ", requests))
			},
			End: func(_ context.Context, h *actor.Handling) {
				if isClerk(h) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, fmt.Sprint(h.Handler, " ", h.Err))
				}
			},
		}
		sys := actor.NewSystem(actor.Config{
			Logger:      slog.New(slog.DiscardHandler),
			Instruments: []actor.Instrument{edge, actor.Carry(requestKey{})},
		})
		lookups, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[actor.Reply[string]], r actor.Reply[string]) error {
			r.Send(fmt.Sprint(c.Value(requestKey{})))
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		l := newPipeListener()
		s := serveBehind(t, sys, l, plain, ws.Socket{Path: "/socket", Channels: ws.Routes{
			ws.Topic("desk", func() *clerk { return &clerk{lookups} }, nil),
		}})
		s.addr, s.dialer = "memory", l.dial

		c := s.connect(t)
		c.send(`["1","1","desk","phx_join",{}]`)
		c.expect(`["1","1","desk","phx_reply",{"status":"ok","response":{"for":"request 1"}}]`)
		c.send(`["1","2","desk","look",{}]`)
		c.expect(`["1","2","desk","phx_reply",{"status":"ok","response":{"for":"request 2"}}]`)
		c.send(`["1","3","desk","crash",{}]`)
		c.expect(`["1","1","desk","phx_error",{"reason":"channel_crash"}]`)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []string{"Init <nil>", "Receive <nil>", "Receive <nil>", "Receive panic: at the desk", "Terminate <nil>"}
		if !slices.Equal(told, want) {
			t.Errorf("told of\n%q\nwant\n%q", told, want)
		}
	})
}
