package ws

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Clients come and go while several goroutines broadcast: each client is told of a position, and
// gets each message behind it, in order, as long as it stays.
func TestEachChannelHearsAllFromItsPlaceOnInOrder(t *testing.T) {
	const publishers, each, clients = 4, 100, 5 * rowSize
	for range long.Rounds(1, 20) {
		synctest.Test(t, func(t *testing.T) {
			e := recording(t, &History{Size: 10}, 0, wire.V2{})
			var all []*memoryClient
			join := func() {
				for range clients {
					c := new(memoryClient)
					c.take = func(ref, event, payload string) error { return inOrder(c, ref, event) }
					if err := c.join(e, "room:a"); err != nil {
						t.Error(err)
					}
					all = append(all, c)
				}
			}
			join()
			synctest.Wait()
			var busy sync.WaitGroup
			for range publishers {
				busy.Go(func() {
					for n := range each {
						e.Broadcast("room:a", "n", map[string]int{"n": n})
					}
				})
			}
			busy.Go(func() {
				join()
				for i, c := range all {
					if i%8 != 0 {
						c.session.ctx.Self().Send(sessionMsg{op: opHangup, with: errors.New("cut")})
					}
				}
			})
			busy.Wait()
			synctest.Wait()
			for i, c := range all {
				if err := c.read(-1); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				if i%8 == 0 && c.last.Offset != publishers*each {
					t.Errorf("client %d has got up to %v, and not all", i, c.last)
				}
			}
			r := e.recorderOn("room:a")
			e.Broadcast("room:a", "n", nil)
			e.Broadcast("room:a", "n", nil)
			if err := seated(r, len(all)/8); err != nil {
				t.Error(err)
			}
		})
	}
}

// inOrder takes in a message of the topic.
func inOrder(c *memoryClient, ref, event string) error {
	at, err := ParsePosition(ref)
	switch {
	case event == wire.EventReply:
		return nil
	case err != nil:
		return err
	case event != wire.EventPosition && at != (Position{c.last.Epoch, c.last.Offset + 1}):
		return fmt.Errorf("got %v", at)
	}
	c.last = at
	return nil
}

// seated checks that so many are in the rows of an audience, which are not too many.
func seated(r *recorder, n int) error {
	there, rows := 0, 0
	for w := &r.audience.front; w != nil; w = w.behind {
		there += len(w.seats)
		rows++
		for _, h := range w.seats {
			if h.row.Load() != w || r.audience.of[h.channel] != h {
				return fmt.Errorf("a hearer in row %d is not known to be there", rows)
			}
		}
	}
	if there != n || len(r.audience.of) != n || r.audience.rows != rows-1 || rows > n/(rowSize/4)+5 {
		return fmt.Errorf("%d hearers in %d rows, and %d and %d behind the front are known; want %d", there, rows, len(r.audience.of), r.audience.rows, n)
	}
	return nil
}

// What is broadcast on a topic costs the same objects however many get it, and one for the
// position more than on a topic that is not recorded.
func TestARecordedBroadcastAllocatesNothingForAReceiver(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	allocs := func(h *History, clients int, ser wire.Serializer) float64 {
		e := recording(t, h, clients, ser)
		for range 2000 { // the log is full
			e.Broadcast("room:a", "news", nil)
		}
		return testing.AllocsPerRun(500, func() { e.Broadcast("room:a", "news", nil) })
	}
	for _, ser := range []wire.Serializer{wire.V1{}, wire.V2{}} {
		plain, few, many := allocs(nil, 10, ser), allocs(&History{}, 10, ser), allocs(&History{}, 110, ser)
		t.Logf("version %s: %v allocations, recorded %v for 10 receivers, %v for 110", ser.Version(), plain, few, many)
		if few > plain+1 || many > few {
			t.Errorf("version %s: %v allocations, recorded %v for 10 receivers, %v for 110", ser.Version(), plain, few, many)
		}
	}
}
