package wstest_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// The endpoint of a program is in its tree. It ends with that, and is not restarted.
func TestAnEndpointInATreeEndsWithIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		test := &trial{TB: t}
		wstest.Start(test, func(sys *actor.System) (*ws.Endpoint, error) {
			endpoint := ws.New(ws.Config{Sockets: []ws.Socket{stageSocket(nil)}})
			_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{endpoint.Child()}})
			return endpoint, err
		})
		for _, cleanup := range slices.Backward(test.cleanups) {
			cleanup()
		}
		if log := test.out.String(); log != "" || test.failures != nil {
			t.Errorf("%q, %s", test.failures, log)
		}
	})
}

// TEST-1
func TestClientsAreMadeWithAssignsOrByConnect(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		endpoint := stage(t)
		direct := wstest.NewClient(t, endpoint, "/socket", ws.Identity{Assigns: "direct"})
		room, _ := direct.Join("stage:greet", nil)
		room.AssertPush("hello", map[string]any{"who": "direct", "n": 1})

		real, err := wstest.Connect(t, endpoint, "/socket", &ws.Request{Params: url.Values{"user": {"bob"}}})
		if err != nil {
			t.Fatal(err)
		}
		room, _ = real.Join("stage:greet", nil)
		room.AssertPush("hello", map[string]any{"who": "bob", "n": 1})

		if _, err := wstest.Connect(t, endpoint, "/socket", &ws.Request{Params: url.Values{"token": {"bad"}}}); !errors.Is(err, errBad) {
			t.Errorf("connected with %v", err)
		}
		if _, err := wstest.Connect(t, endpoint, "/elsewhere", nil); err == nil || !strings.Contains(err.Error(), `no socket at "/elsewhere"`) {
			t.Error(err)
		}
	})
}

// TEST-2, JOIN-4, JOIN-6
func TestJoinReturnsTheAnswerAndTheChannel(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client := ann(t)
		room, reply := client.Join("stage:1", map[string]int{"n": 1})
		if got := string(reply.Bytes()); got != `{"joined":"stage:1","with":{"n":1}}` {
			t.Error(got)
		}
		if room.Topic() != "stage:1" || !room.PID().Alive() {
			t.Error(room.Topic(), room.PID())
		}
		client.JoinRefused("stage:closed", nil, ws.Reason("closed"))
		client.JoinRefused("stage:crash", nil, wstest.Partial{"reason": "join crashed"})
		client.JoinRefused("nowhere", nil, ws.Reason("unmatched topic"))
		slow, _ := client.Join("stage:slow", nil)
		slow.AssertReply(slow.Push("echo", nil), "ok", nil)
	})
}

// TEST-3
func TestReplies(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		room := annIn(t, "stage:1")
		first, second := room.Push("echo", map[string]int{"n": 1}), room.Push("fail", nil)
		room.AssertReply(second, "error", wstest.Partial{"reason": "failed"}) // in any order
		reply := room.AssertReply(first, "ok")
		var in struct{ N int }
		if err := reply.Decode(&in); err != nil || in.N != 1 {
			t.Error(in, err)
		}
		silent := room.Push("silent", nil)
		room.RefuteReply(silent, "")
		later := room.Push("later", nil)
		room.Within(49*time.Millisecond).RefuteReply(later, "")
		room.AssertReply(later, "ok")
		room.AssertReply(room.Push("slow", nil), "ok") // is at work when the time is over
		failed := room.Push("fail", nil)
		room.RefuteReply(failed, "ok")
		room.AssertReply(failed, "error")
		room.AssertReply(room.Push("echo", ws.Binary([]byte{0, 255})), "ok", ws.Binary([]byte{0, 255})) // BIN-3
	})
}

// TEST-4, OUT-2
func TestPushesAndBroadcasts(t *testing.T) {
	t.Parallel()
	for name, history := range map[string]*ws.History{"": nil, "recorded": {}} {
		t.Run(name, func(t *testing.T) { testPushesAndBroadcasts(t, history) })
	}
}

func testPushesAndBroadcasts(t *testing.T, history *ws.History) {
	bubble(t, func(t *testing.T) {
		socket := stageSocket(nil)
		socket.Channels[0].History = history
		endpoint := wstest.NewEndpoint(t, socket)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{Assigns: "ann"})
		room, _ := client.Join("stage:1", map[string]any{"since": nil})
		other := client.Subscribe("stage:2")
		if history != nil {
			room.AssertPush("phx_position", nil)
		}

		room.Push("push", map[string]int{"n": 1})
		room.AssertPush("pushed", map[string]int{"n": 1})
		room.RefutePush("pushed")
		room.RefuteBroadcast("pushed")

		room.Push("shout", map[string]int{"n": 2})
		room.AssertBroadcast("shout", map[string]int{"n": 2})
		room.AssertPush("shout", map[string]int{"n": 2}) // the client gets it, too

		room.Push("others", map[string]int{"n": 3})
		room.AssertBroadcast("others", map[string]int{"n": 3})
		room.RefutePush("others")

		if err := endpoint.Broadcast("stage:2", "news", nil); err != nil {
			t.Fatal(err)
		}
		other.AssertBroadcast("news", nil)
		other.RefuteBroadcast("news")
		room.RefuteBroadcast("news")
	})
}

// TEST-5, OUT-4
func TestBroadcastFromTriggersTheOutHandler(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		room := annIn(t, "stage:1")
		room.BroadcastFrom("whisper", nil)
		room.AssertPush("whisper", map[string]string{"seen_by": "ann"})
		room.RefuteBroadcast("whisper")
	})
}

// TEST-5, END-1, CONN-12
func TestLeaveAndClose(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		terminated := make(chan error, 3)
		client := wstest.NewClient(t, wstest.NewEndpoint(t, stageSocket(terminated)), "/socket", ws.Identity{})
		room, _ := client.Join("stage:1", nil)
		room.AssertReply(room.Leave(), "ok", nil)
		room.AssertClose()
		if reason := <-terminated; reason != ws.Left {
			t.Error(reason)
		}
		room, _ = client.Join("stage:1", nil)
		room.AssertReply(room.Push("stop", nil), "ok")
		room.AssertClose()
		if reason := <-terminated; !actor.IsClean(reason) {
			t.Error(reason)
		}
		old, _ := client.Join("stage:1", nil)
		client.Join("stage:1", nil)
		old.AssertClose()
		if reason := <-terminated; reason != ws.Rejoined { // JOIN-10
			t.Error(reason)
		}
		client.Close()
		if reason := <-terminated; reason != ws.Closed { // by the time that Close returns
			t.Error(reason)
		}
	})
}

// A client that is gone leaves the channels that linger, and waits for the others.
func TestCloseLeavesWhatLingers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		terminated := make(chan error, 3)
		socket := stageSocket(terminated)
		for i := range socket.Channels {
			socket.Channels[i].Linger = time.Minute
		}
		endpoint := wstest.NewEndpoint(t, socket)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		client.Join("stage:1", nil)
		start := time.Now()
		client.Close()
		if took, n := time.Since(start), endpoint.Stats().Lingering; took > time.Second || n != 1 || len(terminated) > 0 {
			t.Errorf("after %v, %d linger, and %d have ended", took, n, len(terminated))
		}
		time.Sleep(time.Minute)
		if reason := <-terminated; reason != ws.Lingered {
			t.Error(reason)
		}
	})
}

// A push to a client that counts what it gets has a number for its ref.
func TestPushesThatAreNumberedAreSeen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		socket := stageSocket(nil)
		for i := range socket.Channels {
			socket.Channels[i].Linger = time.Minute
		}
		client := wstest.NewClient(t, wstest.NewEndpoint(t, socket), "/socket", ws.Identity{})
		room, _ := client.Join("stage:1", map[string]any{"got": nil})
		room.RefutePush("pushed")
		room.Push("push", map[string]int{"n": 1})
		room.AssertPush("pushed", map[string]int{"n": 1})
	})
}

// DISC-1
func TestTheServersDisconnectIsSeen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		endpoint := stage(t)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
		kick := client.Subscribe("user:ann")
		if endpoint.Stats().Connections != 1 {
			t.Error(endpoint.Stats())
		}
		if err := endpoint.Disconnect("user:ann"); err != nil {
			t.Fatal(err)
		}
		kick.AssertBroadcast("disconnect")
		if code, reason := client.AssertDisconnect(); code != 1001 || reason != "disconnected" {
			t.Error(code, reason)
		}
	})
}

// TEST-7, END-3
func TestACrashIsAsserted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		room := annIn(t, "stage:1")
		room.Push("oops", nil)
		if reason := room.AssertCrash(); reason != errOops {
			t.Error(reason)
		}
		client := ann(t)
		room, _ = client.Join("stage:1", nil)
		room.Push("panic", nil)
		panicked, ok := errors.AsType[*actor.PanicError](room.AssertCrash())
		if !ok || panicked.Value != "on stage" {
			t.Error(panicked)
		}
		room, _ = client.Join("stage:1", nil)
		actortest.Crash(t, room.PID(), nil)
		if reason := room.AssertCrash(); !errors.Is(reason, actortest.ErrInjected) {
			t.Error(reason)
		}
		fleeting, _ := client.Join("stage:fleeting", nil)
		fleeting.AssertCrash()
	})
}

// A channel that outlives its client may crash when another one comes back to it: that is the
// crash of the first client's channel, which was told of nothing.
func TestACrashOfResumedIsAsserted(t *testing.T) {
	t.Parallel()
	comeBack := func(t testing.TB, topic string) (first *wstest.Channel, second *wstest.Client, with any) {
		socket := stageSocket(nil)
		for i := range socket.Channels {
			socket.Channels[i].Linger = time.Minute
		}
		endpoint := wstest.NewEndpoint(t, socket)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
		first, answer := client.Join(topic, map[string]any{"got": nil})
		client.Close()
		var told struct {
			Token string `json:"resume_token"`
		}
		if err := answer.Decode(&told); err != nil || told.Token == "" {
			t.Fatalf("answered %s: %v", answer.Bytes(), err)
		}
		return first, wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"}), map[string]any{"resume_token": told.Token, "got": nil}
	}
	bubble(t, func(t *testing.T) {
		first, second, with := comeBack(t, "stage:spoilt")
		second.JoinRefused("stage:spoilt", with)
		panicked, ok := errors.AsType[*actor.PanicError](first.AssertCrash())
		if !ok || panicked.Value != "resumed" {
			t.Error(panicked)
		}
	})
	for name, c := range map[string]struct {
		topic  string
		assert func(first *wstest.Channel, second *wstest.Client, with any)
		want   string
	}{
		"not expected": {"stage:spoilt", func(_ *wstest.Channel, second *wstest.Client, with any) {
			second.JoinRefused("stage:spoilt", with)
		}, `channel "stage:spoilt" crashed: panic: resumed`},
		"it has not": {"stage:1", func(first *wstest.Channel, second *wstest.Client, with any) {
			second.Join("stage:1", with)
			first.AssertCrash()
		}, "did not crash"},
	} {
		t.Run(name, func(t *testing.T) {
			failures := inBubble(t, func(t testing.TB) {
				first, second, with := comeBack(t, c.topic)
				c.assert(first, second, with)
			})
			if !strings.Contains(failures, c.want) {
				t.Errorf("failed with %q, want %q", failures, c.want)
			}
		})
	}
}

func TestAChannelsInsides(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		room := annIn(t, "stage:1")
		room.Ref().Send(map[string]string{"to": "HandleInfo"})
		room.AssertPush("info", map[string]string{"to": "HandleInfo"})
		room.AssertReply(room.Push("count", nil), "ok")
		room.Inspect(func(h ws.Handler) {
			if n := h.(*player).n; n != 1 {
				t.Error(n)
			}
		})
	})
}

// TEST-7: what is wrong fails the test, and says what is wrong.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    func(t testing.TB)
		want []string
	}{
		"all is well": {func(t testing.TB) { annIn(t, "stage:1").Push("echo", nil) }, nil},
		"refused":     {func(t testing.TB) { annIn(t, "stage:closed") }, []string{`join "stage:closed": refused with`, `"reason":"closed"`}},
		"not refused": {func(t testing.TB) { ann(t).JoinRefused("stage:1", nil) }, []string{`answered with reply "ok"`, "want: error"}},
		"refused with something else": {func(t testing.TB) { ann(t).JoinRefused("stage:closed", nil, ws.Reason("full")) },
			[]string{`{"reason":"closed"}`, `want: error and {"reason":"full"}`}},
		"no reply": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.Push("push", nil)
			room.AssertReply(room.Push("silent", nil), "ok", nil)
		}, []string{`channel "stage:1": no reply with status "ok" and {} to message 3 came`, "2 have come in all, 1 of them not taken", `on "stage:1": "pushed" {}`}},
		"other status": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.AssertReply(room.Push("fail", nil), "ok")
		}, []string{"no reply with status", `reply "error" to message 2`}},
		"reply": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.RefuteReply(room.Push("echo", nil), "")
		}, []string{`there is a reply to message 2: reply "ok"`}},
		"late reply": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.Within(51*time.Millisecond).RefuteReply(room.Push("later", nil), "ok")
		}, []string{"there is a reply"}},
		"too late": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.Within(49*time.Millisecond).AssertReply(room.Push("later", nil), "ok")
		}, []string{"no reply"}},
		"no push":   {func(t testing.TB) { annIn(t, "stage:1").AssertPush("x", ws.Binary([]byte("\xff"))) }, []string{`no push "x" and "\xff" came`}},
		"other":     {func(t testing.TB) { annIn(t, "stage:greet").AssertPush("hello", map[string]any{"n": 1}) }, []string{`no push "hello"`, `"who":"ann"`}},
		"push":      {func(t testing.TB) { annIn(t, "stage:greet").RefutePush("hello") }, []string{`a push came: "hello"`}},
		"broadcast": {func(t testing.TB) { annIn(t, "stage:1").AssertBroadcast("x", wstest.Any) }, []string{`topic "stage:1": no broadcast "x" that matches came`, "nothing has come at all"}},
		"unwanted broadcast": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.Push("shout", nil)
			room.RefuteBroadcast("shout")
		}, []string{`a broadcast came: "shout" {}`}},
		"not closed":    {func(t testing.TB) { annIn(t, "stage:1").AssertClose() }, []string{"was not closed"}},
		"not crashed":   {func(t testing.TB) { annIn(t, "stage:1").AssertCrash() }, []string{"did not crash"}},
		"crash":         {func(t testing.TB) { annIn(t, "stage:1").Push("oops", nil) }, []string{`channel "stage:1" crashed: oops`}},
		"crash at once": {func(t testing.TB) { annIn(t, "stage:fleeting") }, []string{`channel "stage:fleeting" crashed`}},
		"crash, and then": {func(t testing.TB) {
			room := annIn(t, "stage:1")
			room.AssertReply(room.Push("panic", nil), "ok")
		}, []string{"no reply", "the channel has crashed: panic: on stage", `channel "stage:1" crashed`}},
		"not marshalled": {func(t testing.TB) { annIn(t, "stage:1").Push("echo", make(chan int)) }, []string{`echo on "stage:1": payload: json`}},
		"closed": {func(t testing.TB) {
			client := ann(t)
			client.Close()
			client.Subscribe("stage:1")
		}, []string{"the client is closed"}},
		"no such socket": {func(t testing.TB) { wstest.NewClient(t, stage(t), "/x", ws.Identity{}) }, []string{`no socket at "/x"`}},
		"bad socket":     {func(t testing.TB) { wstest.NewEndpoint(t, ws.Socket{}) }, []string{"path must be"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := inBubble(t, c.f)
			if len(c.want) == 0 && got != "" {
				t.Errorf("failed: %s", got)
			}
			for _, part := range c.want {
				if !strings.Contains(got, part) {
					t.Errorf("%q is missing in: %s", part, got)
				}
			}
		})
	}
}

// TEST-6
func TestMatching(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		room := annIn(t, "stage:1")
		for _, c := range []struct {
			sent, want any
			match      bool
		}{
			{map[string]any{"a": 1, "b": []int{1}}, struct {
				B []int `json:"b"`
				A int   `json:"a"`
			}{[]int{1}, 1}, true},
			{map[string]any{"a": 1}, map[string]float64{"a": 1}, true},
			{ws.RawJSON([]byte(`{"a":1.0}`)), map[string]int{"a": 1}, true},
			{ws.RawJSON([]byte(`{"a":12345678901234567890}`)), ws.RawJSON([]byte(`{"a":12345678901234567891}`)), false},
			{map[string]any{"a": 1}, map[string]string{"a": "1"}, false},
			{map[string]any{"a": nil}, map[string]any{}, false},
			{map[string]any{"a": 1, "b": 2}, wstest.Partial{"a": 1}, true},
			{map[string]any{"a": 1}, wstest.Partial{"a": 1, "b": wstest.Any}, false},
			{map[string]any{"a": map[string]any{"b": 1, "c": 2}}, wstest.Partial{"a": wstest.Partial{"b": 1}}, true},
			{map[string]any{"a": map[string]any{"b": 1, "c": 2}}, wstest.Partial{"a": map[string]any{"b": 1}}, false},
			{[]int{1}, wstest.Partial{}, false},
			{ws.Binary([]byte("a")), ws.Binary([]byte("a")), true},
			{ws.Binary([]byte("a")), "a", false},
			{ws.Binary([]byte("{}")), wstest.Partial{}, false},
			{nil, nil, true},
			{map[string]int{"n": 7}, func(p ws.Payload) bool { return string(p.Bytes()) == `{"n":7}` }, true},
		} {
			ref := room.Push("echo", c.sent)
			if c.match {
				room.AssertReply(ref, "ok", c.want)
			} else {
				room.RefuteReply(ref, "ok", c.want)
			}
		}
	})
}

// It works in real time as well.
func TestWithoutABubble(t *testing.T) {
	t.Parallel()
	room := annIn(t, "stage:1")
	room.Within(10*time.Second).AssertReply(room.Push("later", nil), "ok") // a busy machine takes its time
	room.Within(time.Millisecond).RefutePush("x")
}
