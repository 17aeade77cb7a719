package presence_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/presence"
)

type user struct {
	Name string `json:"name"`
}

// Fetch adds to entries what stands next to the metas, and is called once for a list
// and once each for the joins and the leaves of a diff.
func TestFetch(t *testing.T) { // PRES-8
	bubble(t, func(t *testing.T) {
		var calls atomic.Int64
		var joined []presence.Entry
		w := start(t, presence.Config{
			Fetch: func(_ context.Context, topic string, entries map[string]presence.Entry) (map[string]any, error) {
				calls.Add(1)
				out := map[string]any{"nobody": user{}}
				for key, e := range entries {
					if len(e.Metas) == 0 {
						t.Errorf("%q has no metas", key)
					}
					// It must keep the metas; so they are not its to give.
					out[key] = map[string]any{"user": user{key + " of " + topic}, "metas": 7}
				}
				return out, nil
			},
			OnDiff: func(d presence.Diff) {
				for _, e := range d.Joins {
					joined = append(joined, e)
				}
			},
		})
		ann := w.member("room")
		ref := w.track(ann, "ann")
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls for a diff of joins, want 1", n)
		}
		w.Update(ann, "ann", nil)
		synctest.Wait()
		if n := calls.Swap(0); n != 3 {
			t.Errorf("%d calls after a diff of joins and leaves, want 3", n)
		}
		w.track(ann, "bob")
		synctest.Wait()
		calls.Store(0)
		list := must(w.List(t.Context(), "room"))
		if n := calls.Load(); n != 1 || len(list) != 2 {
			t.Errorf("%d calls for a list of %d", n, len(list))
		}
		text := must(list["bob"].MarshalJSON())
		want := fmt.Sprintf(`{"metas":[{"phx_ref":%q}],"user":{"name":"bob of room"}}`, list["bob"].Metas[0].Ref)
		if string(text) != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
		if len(joined) != 3 || joined[0].Metas[0].Ref != ref || string(joined[0].Fields.Bytes()) != `{"user":{"name":"ann of room"}}` {
			t.Errorf("joins: %+v", joined)
		}
	})
}

// Diffs of a topic stay in order however long each takes to fetch, and do not hold up
// other topics.
func TestDiffsStayInOrder(t *testing.T) { // PRES-9
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{
			FetchTimeout: time.Hour,
			Fetch: func(_ context.Context, topic string, entries map[string]presence.Entry) (map[string]any, error) {
				if _, slow := entries["slow"]; slow {
					time.Sleep(time.Minute)
				}
				return nil, nil
			},
		})
		ann := w.member("room")
		w.track(ann, "slow")
		w.track(ann, "quick")
		w.Untrack(ann, "slow")
		w.track(presence.Actor(ann.PID(), "hall"), "ann")
		w.expect("hall+[ann*]-[]")
		time.Sleep(2 * time.Minute)
		w.expect("room+[slow*]-[]", "room+[quick*]-[]", "room+[]-[slow*]")
	})
}

// A Fetch that fails or panics costs the data, not the diff.
func TestFetchThatFails(t *testing.T) {
	for name, fetch := range map[string]func() (map[string]any, error){
		"error":     func() (map[string]any, error) { return nil, errors.New("no database") },
		"panic":     func() (map[string]any, error) { panic("fetch") },
		"no object": func() (map[string]any, error) { return map[string]any{"ann": 7}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := start(t, presence.Config{
					Fetch: func(context.Context, string, map[string]presence.Entry) (map[string]any, error) { return fetch() },
				})
				ann := w.member("room")
				w.track(ann, "ann")
				w.UntrackAll(ann)
				w.expect("room+[ann*]-[]", "room+[]-[ann*]")
				if w.track(ann, "ann"); name == "panic" {
					return
				}
				if _, err := w.List(t.Context(), "room"); err == nil {
					t.Error("the list hides the error")
				}
				if _, err := w.Get(t.Context(), "room", "ann"); err == nil {
					t.Error("Get hides the error")
				}
			})
		})
	}
}
