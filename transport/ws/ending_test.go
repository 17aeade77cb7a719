package ws_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// ender is a handler that ends as it is told to, and in which of its methods.
type ender struct {
	how map[string]func(*ws.Channel) error
}

func (e ender) do(where string, c *ws.Channel) error {
	if f := e.how[where]; f != nil {
		return f(c)
	}
	return nil
}

func (e ender) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	c.Continue(func(c *ws.Channel) error { return e.do("continue", c) })
	return nil, e.do("join", c)
}

func (e ender) HandleIn(c *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	return ws.NoReply, e.do(event, c)
}

func (e ender) HandleInfo(c *ws.Channel, _ any) error { return e.do("info", c) }

func (e ender) Intercepts() []string { return []string{"out"} }

func (e ender) HandleOut(c *ws.Channel, _ string, _ ws.Payload) error { return e.do("out", c) }

var errTired = fmt.Errorf("%w: tired", actor.Shutdown)

// linked makes an actor that is linked to the channel end with reason.
func linked(reason error) func(*ws.Channel) error {
	return func(c *ws.Channel) error {
		worker, err := actor.SpawnLink(c.Context(), actor.Func(func(*actor.Context[int], int) error { return reason }))
		worker.Send(1)
		return err
	}
}

// exits makes somebody else tell the channel to end.
func exits(reason error) func(*ws.Channel) error {
	return func(c *ws.Channel) error {
		pid := c.PID()
		go pid.Exit(reason)
		return nil
	}
}

func returns(err error) func(*ws.Channel) error { return func(*ws.Channel) error { return err } }

// END-2, END-3: what the channel itself wants is a close, after which the client stays
// away. Whatever else ends it, with whatever reason, is an error, and the client comes
// back.
func TestOnlyWhatTheChannelWantsIsAClose(t *testing.T) {
	const closed, errored = `["1","1","room","phx_close",{}]`, `["1","1","room","phx_error",{"reason":"channel_crash"}]`
	panics := func(v any) func(*ws.Channel) error { return func(*ws.Channel) error { panic(v) } }
	for _, c := range []struct {
		name, where string
		how         func(*ws.Channel) error
		want        string
	}{
		{"HandleIn stops", "in", returns(ws.Stop), closed},
		{"HandleIn shuts down", "in", returns(actor.Shutdown), closed},
		{"HandleIn says more", "in", returns(errTired), closed},
		{"HandleInfo stops", "info", returns(ws.Stop), closed},
		{"HandleOut shuts down", "out", returns(errTired), closed},
		{"Continue stops", "continue", returns(ws.Stop), closed},
		{"HandleIn fails", "in", returns(errSecret), errored},
		{"HandleIn panics", "in", panics("in"), errored},
		{"HandleIn panics with a clean reason", "in", panics(actor.Shutdown), errored},
		{"HandleInfo fails", "info", returns(errSecret), errored},
		{"HandleOut panics with a clean reason", "out", panics(actor.Normal), errored},
		{"Continue fails", "continue", returns(errSecret), errored},
		{"it is told to shut down", "in", exits(actor.Shutdown), errored},
		{"it is told to shut down with a reason", "info", exits(errTired), errored},
		{"it is told to have left", "in", exits(ws.Left), errored},
		{"it is killed", "in", exits(actor.Kill), errored},
		{"it is stopped", "in", func(c *ws.Channel) error {
			pid := c.PID()
			go pid.Stop(context.Background(), actor.Shutdown)
			return nil
		}, errored},
		{"a worker shuts down", "in", linked(actor.Shutdown), errored},
		{"a worker says more", "continue", linked(errTired), errored},
		{"a worker crashes", "in", linked(errSecret), errored},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("room", func() ender {
					return ender{map[string]func(*ws.Channel) error{c.where: c.how, "inform": func(c *ws.Channel) error {
						c.Ref().Send(1)
						return nil
					}}}
				}, nil)}})
				client := s.connect(t)
				client.join("room")
				switch c.where {
				case "in":
					client.send(`["1",null,"room","in",{}]`)
				case "info":
					client.send(`["1",null,"room","inform",{}]`)
				case "out":
					if err := s.Broadcast("room", "out", nil); err != nil {
						t.Fatal(err)
					}
				}
				client.expect(c.want)
				client.heartbeat()
			})
		})
	}
}

// MSG-5: the reply comes first, whatever the reason, as with {:stop, reason, reply}.
func TestAReplyGoesOutBeforeTheEnd(t *testing.T) {
	const reply = `["1","2","room","phx_reply",{"status":"error","response":{"reason":"over"}}]`
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"normal", ws.Stop, `["1","1","room","phx_close",{}]`},
		{"shutdown", errTired, `["1","1","room","phx_close",{}]`},
		{"crash", errSecret, `["1","1","room","phx_error",{"reason":"channel_crash"}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("room",
				func() ender { return ender{} }, nil,
				ws.Middleware{HandleIn: func(ws.HandleInFunc) ws.HandleInFunc {
					return func(*ws.Channel, string, ws.Payload) (ws.Reply, error) {
						return ws.Error(ws.Reason("over")), c.err
					}
				}},
			)}})
			client := s.connect(t)
			client.join("room")
			client.send(`["1","2","room","in",{}]`)
			client.expect(reply, c.want)
			client.heartbeat()
		})
	}
}

// leaver is a handler whose Terminate does not return.
type leaver struct {
	ender
	release chan struct{}
}

func (l leaver) Terminate(*ws.Channel, error) { <-l.release }

// END-6: a Terminate that does not return is given up, whatever ends its channel; so it
// takes no place among the channels that the client may have.
func TestATerminateThatNeverReturnsIsGivenUp(t *testing.T) {
	for event, ends := range map[string]string{
		"phx_leave": `["1","1","room","phx_close",{}]`,
		"stop":      `["1","1","room","phx_close",{}]`,
		"fail":      `["1","1","room","phx_error",{"reason":"channel_crash"}]`,
	} {
		t.Run(event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer func() { // before the server is shut down
					close(release)
					synctest.Wait()
				}()
				s := serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("*", func() leaver {
					return leaver{ender{map[string]func(*ws.Channel) error{"stop": returns(ws.Stop), "fail": returns(errSecret)}}, release}
				}, nil)}})
				c := s.reader(t, "2.0.0")
				c.joins("room")
				start := time.Now()
				c.send(fmt.Sprintf(`["1",null,"room",%q,{}]`, event))
				c.await(ends)
				if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
					t.Errorf("it was given %v, want 5 s and a little", took)
				}
				c.joins("room")
			})
		})
	}
}
