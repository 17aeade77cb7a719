package ws_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// newHouses returns two nodes whose topics "taped:*" are kept in one store.
func newHouses(t *testing.T) (a, b *house) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	node := func(name string) *house {
		taped := func(s *ws.Socket) { s.Channels[1].History = &ws.History{Store: store} }
		return buildHouse(taped, func(s ws.Socket) *server { return serveNode(t, pubsub.NewCluster(hub.Node(name)), s) })
	}
	return node("a"), node("b")
}

// taped broadcasts the numbers from first to last, which the logs of all nodes have then.
func (h *house) taped(t *testing.T, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := h.Broadcast("taped:a", "news", map[string]int{"n": n}); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait() // a broadcast returns when the store has it
}

// back is what a client sends that has all this.
func back(w welcome, since string) string {
	return fmt.Sprintf(`{"resume_token":%q,"got":null,"since":%q}`, w.Token, since)
}

// On its node a client has its channel back, and what any node has broadcast meanwhile. On another
// one it joins, and is sent the same; the channel of before stays for the rest of its time.
func TestAClientThatLingersSwitchesNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newHouses(t)
		c := a.connect(t)
		w := c.joins("1", "taped:a", `{"since":null,"got":null}`)
		c.hear()
		l := <-a.lodgers
		a.taped(t, 1, 2)
		got := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
		c.lose()
		b.taped(t, 3, 3)
		l.channel.Push("pushed", nil)
		a.taped(t, 4, 4)

		c = a.connect(t)
		w = c.joins("2", "taped:a", back(w, got.ref))
		c.hears(`pushed 1 {}`)
		if told := c.hear(); told.payload != recovery(true, 2, got.at(4)) {
			t.Errorf("told of %v", told)
		}
		got = c.hears(`news 3 {"n":3}`, `news 4 {"n":4}`)
		a.tells(t, "join taped:a", `resumed taped:a as "": away 0s, missed 1, complete true`)
		c.lose()
		a.taped(t, 5, 5)

		time.Sleep(30 * time.Second)
		c = b.connect(t)
		if joined := c.joins("3", "taped:a", back(w, got.ref)); *joined.Resumed {
			t.Error("resumed on another node")
		}
		if told := c.hear(); told.payload != recovery(true, 1, got.at(5)) {
			t.Errorf("on another node told of %v", told)
		}
		got = c.hears(`news 5 {"n":5}`)
		b.tells(t, "join taped:a")
		if s := a.Stats(); s.Lingering != 1 {
			t.Errorf("on the node of before: %+v", s)
		}
		time.Sleep(30 * time.Second)
		a.tells(t, "terminate taped:a: shutdown: nobody has come back")
		b.taped(t, 6, 6)
		got = c.hears(`news 6 {"n":6}`)
		c.lose()

		c = a.connect(t) // and back, with a token that is not known here
		c.joins("4", "taped:a", back(w, got.ref))
		if told := c.hear(); told.payload != recovery(true, 0, got.at(6)) {
			t.Errorf("back on the first node told of %v", told)
		}
	})
}

// A client goes to another node while the first has not let it in yet: it gets what it has missed
// there, and the channel of before does not stay for longer than it would have.
func TestAClientSwitchesNodesWhileItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newHouses(t)
		c := a.connect(t)
		w := c.joins("1", "taped:a", `{"since":null,"got":null}`)
		stands := c.hear()
		l := <-a.lodgers
		l.hangs = make(chan struct{})
		c.send(`["1","2","taped:a","hang",{}]`)
		synctest.Wait()
		c.lose()
		b.taped(t, 1, 3)
		time.Sleep(10 * time.Second)
		c = a.connect(t)
		c.send(`["2","2","taped:a","phx_join",` + back(w, stands.ref) + `]`)
		synctest.Wait()
		c.lose()

		c = b.connect(t)
		c.joins("3", "taped:a", back(w, stands.ref))
		if told := c.hear(); told.payload != recovery(true, 3, stands.at(3)) {
			t.Errorf("on another node told of %v", told)
		}
		c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`)
		close(l.hangs)
		a.tells(t, "join taped:a")
		time.Sleep(50 * time.Second)
		a.tells(t, "terminate taped:a: shutdown: nobody has come back")
		if s := a.Stats(); s.Channels != 0 || s.Lingering != 0 {
			t.Errorf("on the node of before: %+v", s)
		}
	})
}

// Whatever position a client makes up, has from another log, or has kept for too long: nothing
// comes of it but word that it has missed something.
func TestPositionsThatNoStoreHasGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, store := new(pubsub.Hub), &historytest.Store{Keep: 3}
		h := &ws.History{Store: store, Size: 3}
		s := serveNode(t, pubsub.NewCluster(hub.Node("a")), recorded(h, newGuest))
		c := s.connect(t)
		stands := c.joinSince("null")
		var last heard
		for n := range 6 { // of which three are left
			s.news(t, n+1, n+1)
			last = c.hears(fmt.Sprintf(`news %d {"n":%[1]d}`, n+1))
		}
		epoch, _, _ := strings.Cut(strings.TrimPrefix(last.ref, "@"), ":")
		bad := []string{
			stands.ref, last.at(0), last.at(1), last.at(2), // ancient
			last.at(7), last.at(1 << 40), "@" + epoch + ":9223372036854775807", "@" + epoch + ":18446744073709551615", // ahead
			"@" + epoch + ":18446744073709551616", "@" + epoch + ":-1", "@" + epoch + ":06", "@" + epoch + ":6 ", "@" + epoch, epoch + ":6", // no positions
			"@" + epoch + "x:6", "@" + strings.ToLower(epoch) + ":6", "@x:6", "@:6", "@:", "@", ":", "\x00", "6", // foreign
			"@" + strings.Repeat("x", 10_000) + ":6", "@" + epoch + ":" + strings.Repeat("9", 10_000),
		}
		rnd := rand.New(rand.NewPCG(1, 17))
		for range 100 {
			text := []byte(last.ref)
			text[rnd.IntN(len(text))] ^= byte(1 + rnd.IntN(15))
			bad = append(bad, string(text))
		}
		good := map[string]bool{last.at(3): true, last.at(4): true, last.at(5): true, last.ref: true}
		for _, since := range bad {
			if good[since] {
				continue
			}
			start, client := time.Now(), s.connect(t)
			told := client.joinSince(quoted(since))
			if told.event != "phx_recovery" || !strings.HasPrefix(told.payload, `{"complete":false,`) {
				t.Errorf("since %.60q: told of %v", since, told)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("since %.60q: the join took %v", since, took)
			}
			client.heartbeat()
			client.conn.CloseNow()
		}
		s.connect(t).told(last.at(4), toldComplete+`"missed":2,`)
	})
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}
