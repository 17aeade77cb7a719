package presence_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

func TestTrack(t *testing.T) { // PRES-1, PRES-6, PRES-10
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		ann, bob := w.member("room"), w.member("room")
		ref := w.track(ann, "ann")
		w.expect("room+[ann*]-[]")
		if ref == "" || ref != w.ref("room", "ann") {
			t.Errorf("Track returned ref %q", ref)
		}
		_, err := w.Track(ann, "ann", nil)
		if !errors.Is(err, presence.ErrAlreadyTracked) {
			t.Errorf("tracked twice: %v", err)
		}
		w.expect()
		// Another owner may have the key, too, and an owner several keys and topics.
		w.track(bob, "ann")
		w.track(ann, "both")
		w.track(presence.Actor(ann.PID(), "hall"), "ann")
		w.expect("room+[ann*]-[]", "room+[both*]-[]", "hall+[ann*]-[]")
		w.present("room", "[ann** both*]")
		w.present("hall", "[ann*]")
		w.present("nowhere", "[]")
		entry, err := w.Get(t.Context(), "room", "nobody")
		if err != nil || entry.Metas != nil {
			t.Errorf("nobody is %+v, %v", entry, err)
		}
	})
}

func TestUpdate(t *testing.T) { // PRES-4, PRES-5
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		ann := w.member("room")
		if _, err := w.Update(ann, "ann", nil); !errors.Is(err, presence.ErrNotTracked) {
			t.Errorf("update of what is not tracked: %v", err)
		}
		first, err := w.Track(ann, "ann", meta{Status: "here"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Update(w.member("room"), "ann", nil); !errors.Is(err, presence.ErrNotTracked) {
			t.Errorf("update of somebody else's: %v", err)
		}
		second, err := w.Update(ann, "ann", meta{Status: "away"})
		if err != nil || second == first {
			t.Fatalf("refs %q, %q, %v", first, second, err)
		}
		w.expect("room+[ann*]-[]", "room+[ann*]-[ann*]")
		entry, _ := w.Get(t.Context(), "room", "ann")
		if m := entry.Metas[0]; len(entry.Metas) != 1 || m.Ref != second || m.PrevRef != first {
			t.Errorf("after the update: %+v", entry)
		}
		text, err := json.Marshal(entry)
		want := fmt.Sprintf(`{"metas":[{"status":"away","phx_ref":%q,"phx_ref_prev":%q}]}`, second, first)
		if err != nil || string(text) != want {
			t.Errorf("got  %s, %v\nwant %s", text, err, want)
		}
	})
}

func TestEdit(t *testing.T) { // PRES-5
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		ann := w.member("room")
		edit := func(m *meta) { m.Status, m.N = "away", m.N+1 }
		if _, err := presence.Edit(w.Tracker, ann, "ann", edit); !errors.Is(err, presence.ErrNotTracked) {
			t.Errorf("edit of what is not tracked: %v", err)
		}
		if _, err := w.Track(ann, "ann", meta{Status: "here", N: 1}); err != nil {
			t.Fatal(err)
		}
		// Nothing is lost when many edit at once.
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := presence.Edit(w.Tracker, ann, "ann", edit); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		entry, _ := w.Get(t.Context(), "room", "ann")
		var m meta
		if err := entry.Metas[0].Payload.Decode(&m); err != nil || m != (meta{"away", 11}) {
			t.Errorf("after the edits: %+v, %v", m, err)
		}
		// The refs of an old meta are not taken over.
		ref, err := presence.Edit(w.Tracker, ann, "ann", func(m *map[string]any) { (*m)["phx_ref"] = "mine" })
		entry, _ = w.Get(t.Context(), "room", "ann")
		var now map[string]any
		if err := errors.Join(err, entry.Metas[0].Payload.Decode(&now)); err != nil || now["phx_ref"] != ref {
			t.Errorf("meta is %v, %v; want ref %s", now, err, ref)
		}
		if _, err := presence.Edit(w.Tracker, ann, "ann", func(*int) {}); err == nil {
			t.Error("an object was unmarshalled into a number")
		}
		if _, err := presence.Edit(w.Tracker, ann, "ann", func(m *any) { *m = 7 }); !errors.Is(err, presence.ErrMeta) {
			t.Errorf("edited to a number: %v", err)
		}
	})
}

func TestUntrack(t *testing.T) { // PRES-7
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		ann := w.member("room")
		elsewhere := presence.Actor(ann.PID(), "hall")
		w.track(ann, "one")
		w.track(ann, "two")
		w.track(ann, "three")
		w.track(elsewhere, "one")
		w.forget()
		w.Untrack(ann, "one")
		w.Untrack(ann, "one")
		w.Untrack(ann, "none")
		w.Untrack(w.member("room"), "two")
		w.expect("room+[]-[one*]")
		w.UntrackAll(ann)
		w.UntrackAll(ann)
		w.expect("room+[]-[three* two*]")
		w.present("room", "[]")
		w.present("hall", "[one*]")
		w.track(ann, "one") // it may come again
		w.expect("room+[one*]-[]")
	})
}

// An actor that hears of another's end finds its presences gone.
func TestPresencesGoWithTheirActor(t *testing.T) { // PRES-7
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{PoolSize: 4})
		for name, end := range map[string]func(actor.PID){
			"stop":  func(p actor.PID) { p.Stop(t.Context(), nil) },
			"crash": func(p actor.PID) { p.Exit(errors.New("boom")) },
			"kill":  func(p actor.PID) { p.Exit(actor.Kill) },
		} {
			o := w.member("room")
			topics := []string{"room", "hall", "bar", "yard", "attic"}
			for _, topic := range topics {
				w.track(presence.Actor(o.PID(), topic), "ann")
				w.track(presence.Actor(o.PID(), topic), "bob")
			}
			end(o.PID())
			<-o.PID().Done()
			for _, topic := range topics {
				if list, _ := w.List(t.Context(), topic); len(list) != 0 {
					t.Errorf("%s: still in %s: %s", name, topic, keys(list))
				}
			}
			if _, err := w.Track(o, "ann", nil); !errors.Is(err, actor.NoProc) {
				t.Errorf("%s: tracked after the end: %v", name, err)
			}
		}
	})
}

func TestMetas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		for _, x := range []struct {
			meta any
			want string // %s is the ref
		}{
			{nil, `{"phx_ref":%q}`},
			{map[string]any{}, `{"phx_ref":%q}`},
			{ws.RawJSON([]byte(" { } ")), `{"phx_ref":%q}`},
			{meta{Status: "a", N: 1}, `{"status":"a","n":1,"phx_ref":%q}`},
			{json.RawMessage(`{"phx_ref":"old", "a":{"phx_ref":1}, "phx_ref_prev":"older"}`), `{"a":{"phx_ref":1},"phx_ref":%q}`},
			{map[string]string{"é\"\\": "</script>"}, `{"é\"\\":"\u003c/script\u003e","phx_ref":%q}`},
		} {
			o := w.member("room")
			ref, err := w.Track(o, "k", x.meta)
			if err != nil {
				t.Errorf("%v: %v", x.meta, err)
				continue
			}
			text, err := json.Marshal(must(w.List(t.Context(), "room")))
			if want := `{"k":{"metas":[` + fmt.Sprintf(x.want, ref) + `]}}`; err != nil || string(text) != want {
				t.Errorf("got  %s, %v\nwant %s", text, err, want)
			}
			w.UntrackAll(o)
		}
		for _, bad := range []any{7, "text", []int{1}, func() {}, ws.Binary([]byte("{}")), ws.RawJSON([]byte("{x}"))} {
			if _, err := w.Track(w.member("room"), "k", bad); !errors.Is(err, presence.ErrMeta) {
				t.Errorf("tracked with meta %v: %v", bad, err)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A consumer in the program hears of each diff, with all that the keys have.
func TestOnDiff(t *testing.T) { // PRES-11
	bubble(t, func(t *testing.T) {
		var got []string
		w := start(t, presence.Config{OnDiff: func(d presence.Diff) {
			got = append(got, fmt.Sprintf("+%s -%s =%s", keys(d.Joins), keys(d.Leaves), keys(d.Present)))
			if len(d.Leaves) == 0 {
				panic("OnDiff")
			}
		}})
		ann, too := w.member("room"), w.member("room")
		w.track(ann, "ann")
		w.track(too, "ann")
		w.track(too, "bob")
		w.Update(ann, "ann", nil)
		w.UntrackAll(too)
		w.UntrackAll(ann)
		synctest.Wait()
		want := "[+[ann*] -[] =[ann*] +[ann*] -[] =[ann**] +[bob*] -[] =[bob*] +[ann*] -[ann*] =[ann**]" +
			" +[] -[ann* bob*] =[ann*] +[] -[ann*] =[]]"
		if s := fmt.Sprint(got); s != want {
			t.Errorf("got  %s\nwant %s", s, want)
		}
	})
}

func TestConfigs(t *testing.T) {
	sys := actortest.NewSystem(t)
	for name, cfg := range map[string]presence.Config{
		"negative":             {PoolSize: -1},
		"down between beats":   {DownPeriod: time.Second},
		"forgotten, then down": {PermDownPeriod: time.Second},
	} {
		if _, err := presence.Start(sys, cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := sys.Count(); n != 0 {
		t.Errorf("%d actors run", n)
	}
}

// A tracker that has ended says so.
func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{})
		ann := w.member("room")
		w.track(ann, "ann")
		w.shutdown()
		w.shutdown()
		if _, err := w.Track(ann, "bob", nil); !errors.Is(err, actor.NoProc) {
			t.Errorf("tracked after shutdown: %v", err)
		}
		if _, err := presence.Start(w.sys, presence.Config{}); err != nil {
			t.Error(err)
		}
		if err := w.sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := presence.Start(w.sys, presence.Config{}); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("started in a system that is shut down: %v", err)
		}
	})
}
