package observer_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// pageOf returns the actor of the only page that is open.
func pageOf(t *testing.T, o *observer.Observer) actor.PID {
	t.Helper()
	for c := range observer.Endpoint(o).Channels() {
		return c.PID
	}
	t.Fatal("no page is open")
	return actor.PID{}
}

// touched is a message of whose text nobody may ask.
type touched struct{ t *testing.T }

func (m *touched) String() string {
	m.t.Error("the actor is still traced")
	return "touched"
}

// goroutines returns the stacks of those of the bubble that run code of an observer, or look at actors for one.
func goroutines() (found []string) {
	all := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if !strings.Contains(g, "synctest bubble") { // it is another test's
			continue
		}
		if strings.Contains(g, "transport/observer.(*page)") || strings.Contains(g, "transport/observer/query.(*Source)") || strings.Contains(g, "actor/meter.go") {
			found = append(found, g)
		}
	}
	return found
}

// However a page ends, nothing goes on for it: the system has no observer, its actors no trace,
// and no goroutine works for it. A page whose actor is killed, with the
// observer itself say, runs no code of its own at its end.
func TestNothingIsPaidWhenThePageIsGone(t *testing.T) {
	for name, leave := range map[string]func(*wstest.Client, *wstest.Channel, actor.PID){
		"it closes": func(c *wstest.Client, _ *wstest.Channel, _ actor.PID) { c.Close() },
		"it is killed": func(c *wstest.Client, room *wstest.Channel, page actor.PID) {
			page.Exit(actor.Kill)
			_ = room.AssertCrash()
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := actortest.NewSystem(t, actortest.Silent())
				o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Act), History: query.HistoryConfig{For: -1}})
				if err != nil {
					t.Fatal(err)
				}
				watched, err := actor.Spawn(sys, func() actor.Behavior[any] {
					return actor.BehaviorFunc[any](func(*actor.Context[any], any) error { return nil })
				})
				if err != nil {
					t.Fatal(err)
				}
				if sys.Observed() {
					t.Fatal("the system is observed before a page is open")
				}
				client, room := join(t, o)
				for _, push := range []struct {
					event string
					q     any
				}{
					{"tree", query.TreeRequest{}},
					{"actor", query.ActorRequest{PID: watched.String()}},
					{"top", map[string]any{"by": "queue"}},
					{"trace", map[string]any{"pid": watched.String(), "on": true}},
				} {
					ref := room.Push(push.event, push.q)
					room.AssertReply(ref, "ok")
				}
				if !sys.Observed() {
					t.Error("a page is open that watches, and the system is not observed")
				}
				leave(client, room, pageOf(t, o))
				time.Sleep(time.Minute) // of the bubble: a meter outlives its last question by a little
				synctest.Wait()
				if sys.Observed() || observer.Feeding(o) {
					t.Error("the system is still observed")
				}
				for _, g := range goroutines() {
					t.Errorf("this still runs: %s", g)
				}
				watched.Send(&touched{t})
				actortest.Sync(t, watched.PID())
			})
		})
	}
}
