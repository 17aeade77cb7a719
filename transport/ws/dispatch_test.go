package ws

import (
	"fmt"
	"slices"
	"testing"
)

// mute is a handler that does nothing.
type mute struct{}

func (mute) Join(*Channel, string, Payload) (any, error)       { return nil, nil }
func (mute) HandleIn(*Channel, string, Payload) (Reply, error) { return NoReply, nil }

// through is middleware that only calls on.
var through = Middleware{HandleIn: func(next HandleInFunc) HandleInFunc {
	return func(c *Channel, event string, in Payload) (Reply, error) { return next(c, event, in) }
}}

// What middleware costs for an event: a call for each, and no memory.
func BenchmarkMiddleware(b *testing.B) {
	for _, n := range []int{0, 1, 5} {
		route := Topic("*", func() mute { return mute{} }, nil, slices.Repeat([]Middleware{through}, n)...)
		rs, err := Routes{route}.wrapped()
		if err != nil {
			b.Fatal(err)
		}
		r := rs[0]
		c := &Channel{route: &r, handler: r.newHandler()}
		b.Run(fmt.Sprint(n, " deep"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.handleIn(c, "event", Payload{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
