package observer_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// counting is an actor that counts how often it is asked for its label, and its reason.
type counting struct{ labels, reasons *atomic.Int32 }

func (c counting) Receive(*actor.Context[int], int) error { return c }
func (c counting) ActorLabel() string                     { c.labels.Add(1); return "counting" }
func (c counting) Error() string                          { c.reasons.Add(1); return "counted" }

// However many pages show an actor, it is described once, and so is its end.
func TestAnEventIsPutIntoWordsOnceForAllPages(t *testing.T) {
	asked := func(pages int) (labels, reasons int32) {
		synctest.Test(t, func(t *testing.T) {
			sys := actortest.NewSystem(t, actortest.Silent())
			o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
			if err != nil {
				t.Fatal(err)
			}
			var rooms []*wstest.Channel
			for range pages {
				_, room := join(t, o)
				rooms = append(rooms, room)
			}
			for _, room := range rooms {
				room.AssertReply(room.Push("tree", query.TreeRequest{}), "ok")
			}
			c := counting{new(atomic.Int32), new(atomic.Int32)}
			ref, err := actor.Spawn(sys, func() counting { return c })
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			ref.Send(1)
			<-ref.PID().Done()
			time.Sleep(time.Second)
			for _, room := range rooms {
				var born, gone pushedChange
				if err := room.AssertPush("changed").Decode(&born); err != nil {
					t.Fatal(err)
				}
				if err := room.AssertPush("changed").Decode(&gone); err != nil {
					t.Fatal(err)
				}
				if len(born.Nodes) != 1 || born.Nodes[0].Node.PID != ref.String() || born.Nodes[0].Node.Label != "counting" {
					t.Errorf("it was born: %+v", born)
				}
				if len(gone.Gone) != 1 || gone.Gone[0].PID != ref.String() || gone.Gone[0].Reason != "counted" || !gone.Gone[0].Crashed {
					t.Errorf("it has ended: %+v", gone)
				}
			}
			labels, reasons = c.labels.Load(), c.reasons.Load()
		})
		return labels, reasons
	}
	l1, r1 := asked(1)
	l, r := asked(long.Rounds(5, 100))
	if l != l1 || r != r1 || l1 == 0 {
		t.Errorf("for one page the label was asked for %d times and the reason %d times, for many pages %d and %d", l1, r1, l, r)
	}
}

// pipes is a listener whose connections keep nothing that has not been read.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	far, near := net.Pipe()
	p <- far
	return near, nil
}

// slowPage opens a page that reads when it is told to.
func slowPage(t *testing.T, o *observer.Observer) *websocket.Conn {
	t.Helper()
	listener := make(pipes)
	server := &http.Server{Handler: o}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	transport := &http.Transport{DialContext: listener.dial}
	conn, _, err := websocket.Dial(t.Context(), "ws://localhost/socket/websocket?vsn=2.0.0", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(4 << 20)
	t.Cleanup(func() {
		_ = conn.CloseNow()
		transport.CloseIdleConnections()
		close(listener)
		_ = server.Close()
		<-served
	})
	return conn
}

func push(t *testing.T, conn *websocket.Conn, ref, event string, payload any) {
	t.Helper()
	frame, err := json.Marshal([]any{"1", ref, "observer", event, payload})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, frame); err != nil {
		t.Fatal(err)
	}
}

// next returns the event of the next message.
func next(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, frame, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var m []json.RawMessage
	var event string
	if json.Unmarshal(frame, &m) != nil || json.Unmarshal(m[3], &event) != nil {
		t.Fatalf("read %s", frame)
	}
	return event
}

// A page that does not read is told of changes until some wait for it, and of no more. When it
// reads again it hears that it has to ask for the tree anew.
func TestAPageThatDoesNotReadIsToldLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		conn := slowPage(t, o)
		push(t, conn, "1", "phx_join", struct{}{})
		next(t, conn)
		push(t, conn, "2", "tree", query.TreeRequest{})
		next(t, conn)
		label := strings.Repeat("x", 250)
		churn := func() {
			var refs []actor.Ref[int]
			for range 80 { // all of which are shown
				ref, err := actor.Spawn(sys, idle, actor.Label(label))
				if err != nil {
					t.Fatal(err)
				}
				refs = append(refs, ref)
			}
			time.Sleep(50 * time.Millisecond) // of the bubble's
			for _, ref := range refs {
				ref.PID().Exit(actor.Shutdown)
			}
			time.Sleep(50 * time.Millisecond)
		}
		queued := func() (n int) {
			for c := range observer.Endpoint(o).Connections() {
				n += c.QueueBytes
			}
			return n
		}
		rounds := 0
		for ; observer.Feeding(o) && rounds < 100; rounds++ {
			churn()
		}
		if n := queued(); rounds == 100 || n < 200<<10 || n > 400<<10 {
			t.Fatalf("after %d rounds %d bytes wait for the page", rounds, n)
		}
		before := queued()
		churn()
		if n := queued(); n != before {
			t.Errorf("%d bytes wait, and then %d", before, n)
		}
		for event := ""; event != "reset"; {
			if event = next(t, conn); event != "changed" && event != "reset" {
				t.Fatalf("it was told %q", event)
			}
		}
		push(t, conn, "3", "tree", query.TreeRequest{})
		if event := next(t, conn); event != "phx_reply" || !observer.Feeding(o) {
			t.Errorf("it is answered with %q, and told of changes: %v", event, observer.Feeding(o))
		}
	})
}

// What does not fit into an answer is counted, whatever JSON makes of it.
func TestATreeOfLongLabelsIsCut(t *testing.T) {
	s := newSite(t, observer.Config{})
	label := strings.Repeat("<", 300)
	for range 1000 {
		if _, err := actor.Spawn(s.sys, idle, actor.Label(label)); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := s.open().room.Push(t.Context(), "tree", query.TreeRequest{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var tree query.Tree
	if err := json.Unmarshal(payload.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	if n := len(payload.Bytes()); n > 512<<10 || n < 256<<10 {
		t.Errorf("the answer has %d bytes", n)
	}
	if r := tree.Root; r.Count < 1000 || r.More != r.Count-len(r.Children) || r.More == 0 {
		t.Errorf("of %d children %d are shown, and %d are said not to be", r.Count, len(r.Children), r.More)
	}
}

// Those that look are not what has happened to the program, unless something goes wrong with
// them. The tree of the past has them.
func TestPagesAreNotOnTheTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		happened := func(room *wstest.Channel) string {
			time.Sleep(time.Second) // of the bubble's
			var line query.Timeline
			if err := room.AssertReply(room.Push("timeline", query.TimelineRequest{}), "ok").Decode(&line); err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, e := range line.Events {
				told = append(told, e.Label+" "+string(e.Kind))
			}
			count := 0
			for _, c := range line.Counts {
				count += c.Spawned + c.Exited
			}
			if count != len(told) || line.Lost != 0 || line.Every != 1000 {
				t.Errorf("of %q the counts are %+v, of each %d ms", told, line.Counts, line.Every)
			}
			return strings.Join(told, ", ")
		}
		first, _ := join(t, o)
		_, second := join(t, o)
		if got := happened(second); got != "observer spawn" {
			t.Errorf("with two pages the timeline is %q", got)
		}
		before := time.Now().UnixMilli()
		session := first.PID()
		open := []string{session.Parent().String(), session.Parent().Parent().String(), session.Parent().Parent().Parent().String()}
		time.Sleep(time.Second)
		first.Close()
		if got := happened(second); got != "observer spawn" {
			t.Errorf("when one has gone the timeline is %q", got)
		}
		var then query.Tree
		if err := second.AssertReply(second.Push("tree", query.TreeRequest{At: before, Open: open}), "ok").Decode(&then); err != nil {
			t.Fatal(err)
		}
		if sockets := named(then.Root, "sockets"); sockets == nil || sockets.Count != 2 || sockets.Children[0].PID != session.String() {
			t.Errorf("before that there were %+v", sockets)
		}
		broken := pageOf(t, o)
		broken.Exit(errors.New("a page is broken"))
		_ = second.AssertCrash()
		_, third := join(t, o)
		if got := happened(third); got != "observer spawn, observer *observer.page crash" {
			t.Errorf("after a crash the timeline is %q", got)
		}
	})
}

// The page that is one too many is told why it is refused, and let in when another has closed.
func TestOnePageTooManyIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		first, _ := join(t, o)
		observer.Occupy(o, observer.MaxPages-1)
		client, err := wstest.Connect(t, observer.Endpoint(o), "/socket", nil)
		if err != nil {
			t.Fatal(err)
		}
		client.JoinRefused("observer", nil, wstest.Partial{"reason": "busy", "message": "100 pages are open, and there may be no more"})
		first.Close()
		synctest.Wait()
		client.Join("observer", nil)
		client.Close()
		synctest.Wait()
		if n := observer.Pages(o); n != observer.MaxPages-1 {
			t.Errorf("%d pages are counted when all have closed", n-observer.MaxPages+1)
		}
	})
}
