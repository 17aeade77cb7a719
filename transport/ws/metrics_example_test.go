package ws_test

import (
	"expvar"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// Metrics by package expvar: /debug/vars then shows how many clients were refused,
// why connections ended, and how long handlers take for each event.
func ExampleSocket_observe() {
	refused, closed := new(expvar.Int), new(expvar.Map)
	handled, busy := new(expvar.Map), new(expvar.Map)
	socket := ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() *room { return &room{} }, nil)},
		Observe: func(e ws.Observation) {
			switch e := e.(type) {
			case ws.Connected:
				if e.Err != nil {
					refused.Add(1)
				}
			case ws.Disconnected:
				closed.Add(e.Code.String(), 1)
			case ws.Handled:
				handled.Add(e.Event, 1)
				busy.AddFloat(e.Event, e.Duration.Seconds())
			}
		},
	}

	// An endpoint calls Observe by itself; here it is done by hand. With an endpoint,
	// expvar.Publish("channels", expvar.Func(func() any { return endpoint.Stats() }))
	// adds its counters.
	socket.Observe(ws.Handled{Event: "new_msg", Duration: 2 * time.Millisecond})
	socket.Observe(ws.Handled{Event: "new_msg", Duration: 3 * time.Millisecond})
	socket.Observe(ws.Disconnected{Code: 1008, Reason: "too slow"})
	fmt.Println(handled, busy, closed, refused)
	// Output: {"new_msg": 2} {"new_msg": 0.005} {"StatusPolicyViolation": 1} 0
}
