package ws_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// desk is a channel whose events are in a table.
type desk struct {
	notes []note
	bytes int
}

var deskEvents = ws.Events[*desk]{
	"add":    ws.On((*desk).add),
	"strict": ws.OnStrict((*desk).add),
	"upload": ws.OnBinary((*desk).upload),
	"echo":   (*desk).echo,
	"crash":  ws.On(func(*desk, *ws.Channel, struct{}) (ws.Reply, error) { return ws.NoReply, errors.New("crash") }),
}

func (d *desk) Join(_ *ws.Channel, topic string, in ws.Payload) (any, error) {
	if topic == "desk:locked" {
		if _, err := ws.Decode[person](in); err != nil {
			return nil, fmt.Errorf("join: %w", err)
		}
	}
	return nil, nil
}

func (d *desk) add(_ *ws.Channel, n note) (ws.Reply, error) {
	d.notes = append(d.notes, n)
	return ws.OK(map[string]int{"notes": len(d.notes)}), nil
}

func (d *desk) upload(_ *ws.Channel, data []byte) (ws.Reply, error) {
	d.bytes += len(data)
	return ws.OK(map[string]int{"bytes": d.bytes}), nil
}

func (d *desk) echo(_ *ws.Channel, in ws.Payload) (ws.Reply, error) { return ws.OK(in), nil }

func serveDesk(t testing.TB) *server {
	return serve(t, ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("desk:*", func() *desk { return new(desk) }, deskEvents)},
	})
}

// MSG-5, MSG-6, BIN-2
func TestEventsGoToTheirMethods(t *testing.T) {
	c := serveDesk(t).connect(t)
	c.join("desk:1")
	for _, x := range []struct{ event, payload, status, response string }{
		{"add", `{"body":"a"}`, "ok", `{"notes":1}`},
		{"add", `{"body":"b","colour":"red"}`, "ok", `{"notes":2}`},
		{"add", `{"likes":"x"}`, "error", `{"reason":"invalid payload","fields":{"body":"is missing","likes":"must be an integer, not a string"}}`},
		{"add", `[]`, "error", `{"reason":"payload must be an object, not an array"}`},
		{"strict", `{"body":"c"}`, "ok", `{"notes":3}`},
		{"strict", `{"body":"c","colour":"red"}`, "error", `{"reason":"invalid payload","fields":{"colour":"is unknown"}}`},
		{"upload", `{}`, "error", `{"reason":"payload must be binary"}`},
		{"echo", `{"n":12345678901234567890}`, "ok", `{"n":12345678901234567890}`},
		{"nonsense", `{}`, "error", `{"reason":"unknown event"}`},
	} {
		c.send(fmt.Sprintf(`["1","2","desk:1",%q,%s]`, x.event, x.payload))
		c.expect(fmt.Sprintf(`["1","2","desk:1","phx_reply",{"status":%q,"response":%s}]`, x.status, x.response))
	}
	c.sendBinary("\x00\x01\x01\x06\x06" + "12desk:1uploadabc")
	c.expect(`["1","2","desk:1","phx_reply",{"status":"ok","response":{"bytes":3}}]`)
	c.sendBinary("\x00\x01\x01\x06\x03" + "12desk:1addabc")
	c.expect(`["1","2","desk:1","phx_reply",{"status":"error","response":{"reason":"payload must be JSON, not binary"}}]`)
}

// END-3
func TestAnErrorOfAnEventsMethodIsACrash(t *testing.T) {
	c := serveDesk(t).connect(t)
	c.join("desk:1")
	c.send(`["1","2","desk:1","crash",{}]`)
	c.expect(`["1","1","desk:1","phx_error",{"reason":"channel_crash"}]`)
}

// JOIN-4
func TestAJoinMayReturnWhatIsWrongWithItsPayload(t *testing.T) {
	c := serveDesk(t).connect(t)
	c.send(`["1","1","desk:locked","phx_join",{"name":"ann"}]`)
	c.expect(`["1","1","desk:locked","phx_reply",{"status":"error","response":{"reason":"invalid payload","fields":{"age":"is missing"}}}]`)
}

// What a table of events costs on top of decoding: nothing is allocated for it.
func BenchmarkEvents(b *testing.B) {
	body, err := ws.JSON(note{Body: "hello", Likes: 3})
	if err != nil {
		b.Fatal(err)
	}
	discard := ws.Events[*desk]{
		"raw":    func(*desk, *ws.Channel, ws.Payload) (ws.Reply, error) { return ws.NoReply, nil },
		"typed":  ws.On(func(*desk, *ws.Channel, note) (ws.Reply, error) { return ws.NoReply, nil }),
		"binary": ws.OnBinary(func(*desk, *ws.Channel, []byte) (ws.Reply, error) { return ws.NoReply, nil }),
	}
	d := new(desk)
	for _, x := range []struct {
		event string
		in    ws.Payload
	}{{"raw", body}, {"binary", ws.Binary([]byte("hello"))}, {"typed", body}} {
		b.Run(x.event, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := discard[x.event](d, nil, x.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("json.Unmarshal alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var n note
			if err := body.Decode(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fallback is a desk that handles what the table lacks.
type fallback struct{ desk }

func (f *fallback) HandleIn(_ *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	return ws.OK(map[string]string{"lacking": event}), nil
}

// MSG-5
func TestHandleInIsForWhatTheTableLacks(t *testing.T) {
	echo := ws.Events[*fallback]{"echo": func(_ *fallback, _ *ws.Channel, in ws.Payload) (ws.Reply, error) { return ws.OK(in), nil }}
	c := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{
		ws.Topic("both", func() *fallback { return new(fallback) }, echo),
		ws.Topic("HandleIn", func() *fallback { return new(fallback) }, nil),
		ws.Topic("table", func() *desk { return new(desk) }, ws.Events[*desk]{"echo": (*desk).echo}),
		ws.Topic("neither", func() *desk { return new(desk) }, nil),
	}}).connect(t)
	const unknown = `{"status":"error","response":{"reason":"unknown event"}}`
	for topic, want := range map[string][2]string{ // of "echo" and of "other"
		"both":     {`{"status":"ok","response":{"n":1}}`, `{"status":"ok","response":{"lacking":"other"}}`},
		"HandleIn": {`{"status":"ok","response":{"lacking":"echo"}}`, `{"status":"ok","response":{"lacking":"other"}}`},
		"table":    {`{"status":"ok","response":{"n":1}}`, unknown},
		"neither":  {unknown, unknown},
	} {
		c.join(topic)
		for i, event := range []string{"echo", "other"} {
			c.send(fmt.Sprintf(`["1","2",%q,%q,{"n":1}]`, topic, event))
			c.expect(fmt.Sprintf(`["1","2",%q,"phx_reply",%s]`, topic, want[i]))
		}
	}
}
