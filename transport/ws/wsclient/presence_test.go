package wsclient_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// watched is a Presence that notes what it is told.
type watched struct {
	wsclient.Presence
	calls []string
}

func watch(ch *wsclient.Channel) *watched {
	w := &watched{}
	w.OnJoin = func(key string, before, joined wsclient.PresenceEntry) {
		w.calls = append(w.calls, fmt.Sprintf("+%s %s->%s", key, refs(before), refs(joined)))
	}
	w.OnLeave = func(key string, remaining, left wsclient.PresenceEntry) {
		w.calls = append(w.calls, fmt.Sprintf("-%s %s->%s", key, refs(left), refs(remaining)))
	}
	w.OnSync = func() { w.calls = append(w.calls, "sync") }
	w.Follow(ch)
	return w
}

func refs(e wsclient.PresenceEntry) string {
	var all []string
	for _, m := range e.Metas {
		all = append(all, m.Ref)
	}
	return "[" + strings.Join(all, " ") + "]"
}

// expect checks what was called since, and who is present now.
func (w *watched) expect(t *testing.T, calls, list string) {
	t.Helper()
	synctest.Wait()
	if got := strings.Join(w.calls, ", "); got != calls {
		t.Errorf("called %q\nwant   %q", got, calls)
	}
	w.calls = nil
	var got []string
	present := w.List()
	for _, key := range slices.Sorted(maps.Keys(present)) {
		got = append(got, key+refs(present[key]))
	}
	if s := strings.Join(got, " "); s != list {
		t.Errorf("present: %s\nwant     %s", s, list)
	}
}

// entry returns the JSON of a key with metas of these refs.
func entry(key string, refs ...string) string {
	metas := make([]string, len(refs))
	for i, r := range refs {
		metas[i] = fmt.Sprintf(`{"phx_ref":%q,"device":"of %s"}`, r, r)
	}
	return fmt.Sprintf(`%q:{"metas":[%s]}`, key, strings.Join(metas, ","))
}

func state(joinRef string, entries ...string) string {
	return fmt.Sprintf(`[%q,null,"room:a","presence_state",{%s}]`, joinRef, strings.Join(entries, ","))
}

func diff(joins, leaves string) string {
	return fmt.Sprintf(`[null,null,"room:a","presence_diff",{"joins":{%s},"leaves":{%s}}]`, joins, leaves)
}

func TestPresenceStateAndDiffs(t *testing.T) { // PRES-2, PRES-3, PRES-5, PRES-6
	synctest.Test(t, func(t *testing.T) {
		_, ch, peer := newPuppet(t).joined()
		w := watch(ch)
		w.expect(t, "", "")
		peer.send(state("1", entry("ann", "1"), entry("bob", "2", "3")))
		w.expect(t, "+ann []->[1], +bob []->[2 3], sync", "ann[1] bob[2 3]")
		peer.send(diff(entry("ann", "4"), ""))
		w.expect(t, "+ann [1]->[4], sync", "ann[1 4] bob[2 3]")
		peer.send(diff("", entry("bob", "2")))
		w.expect(t, "-bob [2]->[3], sync", "ann[1 4] bob[3]")
		peer.send(diff(entry("bob", "5"), entry("bob", "3"))) // an update
		w.expect(t, "+bob [3]->[5], -bob [3]->[5], sync", "ann[1 4] bob[5]")
		peer.send(diff("", entry("ann", "1", "4")))
		w.expect(t, "-ann [1 4]->[], sync", "bob[5]")
		peer.send(diff("", entry("carl", "9"))) // unknown
		w.expect(t, "sync", "bob[5]")
	})
}

// State and diff may come in either order, and a ref twice: PRES-12.
func TestPresenceDiffsBeforeTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ch, peer := newPuppet(t).joined()
		w := watch(ch)
		peer.send(diff(entry("ann", "1"), ""), diff(entry("bob", "2"), entry("carl", "3")))
		w.expect(t, "", "")
		peer.send(state("1", entry("ann", "1"), entry("carl", "3")))
		w.expect(t, "+ann []->[1], +carl []->[3], +ann [1]->[1], +bob []->[2], -carl [3]->[], sync", "ann[1] bob[2]")
		peer.send(diff(entry("ann", "1"), ""))
		w.expect(t, "+ann [1]->[1], sync", "ann[1] bob[2]")
	})
}

// After an interruption the list is brought up to date by the new state, and no diff
// of the time between is lost or kept too long.
func TestPresenceAcrossAnInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		w := watch(ch)
		peer.send(state("1", entry("ann", "1"), entry("bob", "2"), entry("carl", "3")))
		w.expect(t, "+ann []->[1], +bob []->[2], +carl []->[3], sync", "ann[1] bob[2] carl[3]")
		peer.ws.CloseNow()
		peer = p.peer()
		peer.expectJoin("room:a", "2")
		peer.send(diff(entry("dora", "5"), ""))
		w.expect(t, "", "ann[1] bob[2] carl[3]")

		// It does not get a state on this join: its diffs are outdated with the next.
		peer.ws.CloseNow()
		peer = p.peer()
		peer.expectJoin("room:a", "3")
		peer.send(diff(entry("emil", "6"), ""), state("3", entry("bob", "2"), entry("ann", "1", "4")))
		w.expect(t, "+ann [1]->[4], -carl [3]->[], +emil []->[6], sync", "ann[1 4] bob[2] emil[6]")
	})
}

func TestPresenceKeepsAllThatTheServerSends(t *testing.T) { // PRES-4, PRES-8
	synctest.Test(t, func(t *testing.T) {
		_, ch, peer := newPuppet(t).joined()
		p := &wsclient.Presence{StateEvent: "state", DiffEvent: "diff"}
		p.Follow(ch)
		peer.send(
			`["1",null,"room:a","state",7]`, // not understood
			`["1",null,"room:a","diff",{"joins":{"x":{}}}]`,
			`["1",null,"room:a","state",{"ann":{"user":{"id":17},"metas":[{"phx_ref":"b","phx_ref_prev":"a","status":"away"}]}}]`)
		synctest.Wait()
		ann, ok := p.List()["ann"]
		if !ok || string(ann.Fields["user"]) != `{"id":17}` || len(ann.Metas) != 1 {
			t.Fatalf("got %+v", ann)
		}
		var meta struct{ Status string }
		if m := ann.Metas[0]; m.Ref != "b" || m.PrevRef != "a" || m.Payload.Decode(&meta) != nil || meta.Status != "away" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestPresencePendingDiffsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ch, peer := newPuppet(t).joined()
		w := watch(ch)
		for n := range 1001 {
			peer.send(diff(entry(fmt.Sprint("user", n), fmt.Sprint(n)), ""))
		}
		peer.send(state("1"))
		synctest.Wait()
		if got := len(w.List()); got != 1000 {
			t.Errorf("%d present, want 1000", got)
		}
	})
}

// With the real server, which has application code push the state: PRES-2.
func TestPresenceWithTheServer(t *testing.T) {
	s, endpoint := serve(t, false, ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() lobby { return lobby{} }, nil)},
	})
	synced := make(chan bool)
	p := &wsclient.Presence{OnSync: func() { synced <- true }}
	ch := s.dial(t).Channel("room:a", nil)
	p.Follow(ch)
	mustJoin(t, ch)
	soon(t, synced)
	endpoint.Broadcast("room:a", "presence_diff", json.RawMessage(`{"joins":{`+entry("bob", "2")+`},"leaves":{`+entry("ann", "1")+`}}`))
	soon(t, synced)
	if list := p.List(); len(list) != 1 || refs(list["bob"]) != "[2]" {
		t.Errorf("present: %v", list)
	}
}

type lobby struct{}

func (lobby) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	c.Continue(func(c *ws.Channel) error {
		return c.Push("presence_state", json.RawMessage(`{`+entry("ann", "1")+`}`))
	})
	return nil, nil
}

func (lobby) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) { return ws.NoReply, nil }
