package ws_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
)

// Whatever happens to clients and their connections, each push and each broadcast comes once and in
// order, or the handler or the client is told that something is lost; a client that is back in time
// has its channel, and nobody sees that it was away; each channel ends once, and none stays.
func TestModelOfLingering(t *testing.T) {
	ws.Schedules(t, long.Rounds(20, 400), 1, func(t *testing.T, next func() (uint64, bool)) {
		seed, _ := next()
		w := &lingerWorld{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 17)), rooms: map[int]*lingerRoom{}}
		w.run()
	})
}

// lingerWorld is an endpoint and the clients of one schedule.
type lingerWorld struct {
	t    *testing.T
	seed uint64
	rnd  *rand.Rand
	s    *server
	tabs []*lingerTab

	who    ws.Attendant
	porter ws.Porter
	kept   bool // the topic is recorded
	quiet  bool // all that was to happen has happened
	passed int  // broadcasts that are not recorded, on such a topic

	mu      sync.Mutex
	made    int
	rooms   map[int]*lingerRoom // by their numbers
	resumes int
	said    int      // the other broadcasts
	tracks  []string // why channels were killed that could not go on
}

// lostTrack is a log that notes these.
type lostTrack struct{ *lingerWorld }

func (l lostTrack) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelWarn }
func (l lostTrack) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l lostTrack) WithGroup(string) slog.Handler                    { return l }
func (l lostTrack) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "channel cannot go on" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "reason" {
			l.tracks = append(l.tracks, a.Value.String())
		}
		return true
	})
	return nil
}

// For how long channels linger, and how many broadcasts are recorded, if any.
const (
	roomLinger  = time.Minute
	roomHistory = 20
)

// lingerRoom is a handler. It numbers what it pushes.
type lingerRoom struct {
	w       *lingerWorld
	id      int
	user    string
	channel *ws.Channel
	pushed  int
	slow    bool      // it may have been killed
	busy    time.Time // it does nothing else until then
	answers int
	lost    time.Time // its client was known to be
	ended   int
}

// lives reports whether the channel has not ended, under the lock.
func (r *lingerRoom) lives() bool { return r.ended == 0 && r.channel.PID().Alive() }

// idles reports whether the channel lives and has done all that it is to do, under the lock.
func (r *lingerRoom) idles() bool { return r.lives() && !r.busy.After(time.Now()) }

// answer lets the client in.
func (r *lingerRoom) answer(complete bool) map[string]any {
	r.answers++
	return map[string]any{"id": r.id, "n": r.answers, "said": r.w.said, "complete": complete}
}

func (r *lingerRoom) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.made++
	r.id, r.user, r.channel = r.w.made, c.SocketID(), c
	r.w.rooms[r.id] = r
	r.w.who.Enter(c, strconv.Itoa(r.id), ws.Meta{ID: r.id})
	return r.answer(true), nil
}

func (r *lingerRoom) Resumed(c *ws.Channel, resumed ws.Resumption) (any, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.resumes++
	if r.ended > 0 || c.SocketID() != r.user {
		r.w.t.Errorf("a channel of %q that ended %d times was resumed by %q", r.user, r.ended, c.SocketID())
	}
	if r.w.resumes%8 == 7 {
		return nil, errors.New("crash")
	}
	if err := r.w.who.PushState(c); err != nil {
		return nil, err
	}
	return r.answer(resumed.Complete), nil
}

func (r *lingerRoom) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) {
	return ws.NoReply, nil
}

// HandleInfo crashes, takes its time, or pushes so many messages.
func (r *lingerRoom) HandleInfo(c *ws.Channel, msg any) error {
	switch msg := msg.(type) {
	case error:
		return msg
	case time.Duration:
		r.w.mu.Lock()
		r.slow, r.busy = true, time.Now().Add(msg)
		r.w.mu.Unlock()
		time.Sleep(msg)
	case int:
		for range msg {
			r.pushed++
			c.Push("pushed", map[string]int{"id": r.id, "n": r.pushed})
		}
	}
	return nil
}

func (r *lingerRoom) Terminate(_ *ws.Channel, reason error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.ended++
	if waited := time.Since(r.lost); reason == ws.Lingered && waited < roomLinger {
		r.w.t.Errorf("seed %d: room %d has lingered for %v", r.w.seed, r.id, waited)
	}
}

func (w *lingerWorld) run() {
	room := ws.Topic("room:*", func() *lingerRoom { return &lingerRoom{w: w} }, nil)
	room.Linger = roomLinger
	if w.kept = w.rnd.IntN(2) == 0; w.kept {
		room.History = &ws.History{Size: roomHistory, TTL: 24 * time.Hour}
	}
	sys, l := actor.NewSystem(actor.Config{Logger: slog.New(lostTrack{w})}), newPipeListener()
	w.porter.Ended = func(id int) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.rooms[id].lives()
	}
	var err error
	if w.who, err = ws.NewAttendant(sys, nil, w.porter.Sees); err != nil {
		w.t.Fatal(err)
	}
	w.s = serveConfig(w.t, sys, l, plain, ws.Config{Trackers: []ws.Tracker{w.who}, Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{room}, MaxLingering: 3, MaxLingerBytes: 4000, IdleTimeout: time.Hour,
		Connect: func(r *ws.Request) (ws.Identity, error) {
			id := ws.Identity{ID: r.Params.Get("user")}
			if r.Params.Get("brief") != "" {
				id.Expires = time.Now().Add(2 * time.Minute)
			}
			return id, nil
		},
	}}})
	w.s.addr, w.s.dialer = "memory", l.dial
	for _, user := range []string{"ann", "ann", "bob", "bob", ""} {
		w.tabs = append(w.tabs, &lingerTab{w: w, user: user, counts: w.rnd.IntN(2) == 0, holding: holding{crowd: new(ws.Crowd)}})
	}
	w.tabs[0].connect() // so that the log begins with the first broadcast
	w.rests()
	for range 60 {
		w.step(w.tabs[w.rnd.IntN(len(w.tabs))])
		if w.quiet = false; w.rnd.IntN(4) > 0 {
			w.rests()
		}
	}
	w.finish()
}

// step does one thing that may happen.
func (w *lingerWorld) step(tab *lingerTab) {
	switch w.rnd.IntN(17) {
	case 0, 1, 2, 3:
		tab.returns()
	case 4, 5:
		tab.cut()
	case 6:
		if tab.conn != nil {
			tab.mu.Lock()
			*tab.deaf, tab.leaky = true, true
			tab.mu.Unlock()
		}
	case 14, 15, 16:
		w.broadcast(1 + w.rnd.IntN(3))
	case 7, 8:
		w.tell(w.rnd.IntN(8))
	case 9:
		switch w.rnd.IntN(6) {
		case 0:
			w.tell(errors.New("crash"))
		case 1:
			w.tell(60) // more than is kept
		case 2:
			w.s.Disconnect(tab.user)
		case 3:
			tab.say(`"phx_leave"`)
		default:
			w.tell(time.Duration(w.rnd.IntN(8000)) * time.Millisecond)
		}
	case 10:
		tab.say(`"hello"`)
	case 11:
		other := w.tabs[w.rnd.IntN(len(w.tabs))]
		other.mu.Lock()
		has := other.holding
		has.crowd = new(ws.Crowd)
		other.leaky = true
		other.mu.Unlock()
		tab.mu.Lock()
		if tab.deaf != nil {
			*tab.deaf = true
		}
		tab.holding, tab.leaky = has, true // as one that is copied, or stolen
		tab.mu.Unlock()
		tab.connect()
	case 12:
		time.Sleep(time.Duration(w.rnd.IntN(5)) * time.Second)
	case 13:
		time.Sleep(time.Duration(w.rnd.IntN(70)) * time.Second)
	}
}

// tell sends a message to some room, which may have ended.
func (w *lingerWorld) tell(msg any) {
	w.mu.Lock()
	var r *lingerRoom
	if w.made > 0 {
		r = w.rooms[max(1, w.made-w.rnd.IntN(4))]
	}
	w.mu.Unlock()
	if r != nil {
		r.channel.Ref().Send(msg)
	}
}

// broadcast broadcasts so many messages, and as many that are not recorded.
func (w *lingerWorld) broadcast(n int) {
	send := func(event string, n int, opts ...ws.BroadcastOption) {
		if err := w.s.Broadcast("room:a", event, map[string]int{"n": n}, opts...); err != nil {
			w.t.Error(err)
		}
	}
	for range n {
		w.mu.Lock()
		w.said++
		said := w.said
		w.mu.Unlock()
		if send("said", said); w.kept {
			w.passed++
			send("passed", w.passed, ws.Unrecorded())
		}
	}
}

// rests waits until all has happened, and looks whether each client that can hear knows all, and
// sees exactly those that are present.
func (w *lingerWorld) rests() {
	synctest.Wait()
	w.quiet = true
	here := w.porter.Here()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, r := range w.rooms {
		if present := slices.Contains(here, id); present && !r.lives() && !r.busy.After(time.Now()) || r.idles() && !present {
			w.t.Errorf("seed %d: present are %v, and room %d lives: %t", w.seed, here, id, r.lives())
		}
	}
	for _, tab := range w.tabs {
		tab.mu.Lock()
		if tab.conn != nil && tab.in && !*tab.deaf && w.rooms[tab.id].idles() {
			tab.isUpToDate(here)
		}
		tab.mu.Unlock()
	}
}

// finish lets all clients go, by turns in one way and another, and looks what is left.
func (w *lingerWorld) finish() {
	w.rests()
	for _, tab := range w.tabs {
		if r := w.rooms[tab.id]; tab.conn != nil && tab.in && !*tab.deaf && tab.last != r.pushed && !(tab.torn && tab.last < r.pushed) {
			w.t.Errorf("seed %d: %q has got %d of the %d messages of room %d", w.seed, tab.user, tab.last, r.pushed, r.id)
		}
	}
	if w.rnd.IntN(2) == 0 {
		for _, tab := range w.tabs {
			tab.cut()
		}
		time.Sleep(2 * time.Minute)
	}
	if err := w.porter.Fault(); err != nil {
		w.t.Errorf("seed %d: %v", w.seed, err)
	}
	if err := w.s.Drain(context.Background()); err != nil {
		w.t.Errorf("seed %d: drain: %v", w.seed, err)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	if s := w.s.Stats(); s.Channels != 0 || s.Lingering != 0 || s.Connections != 0 {
		w.t.Errorf("seed %d: at the end there are %+v", w.seed, s)
	}
	killed := 0 // which has no Terminate
	for id, r := range w.rooms {
		switch {
		case r.ended == 0 && !r.slow:
			killed++
		case r.ended > 1:
			w.t.Errorf("seed %d: room %d has ended %d times", w.seed, id, r.ended)
		}
	}
	if killed > len(w.tracks) {
		w.t.Errorf("seed %d: %d rooms have not ended, and these could not go on: %q", w.seed, killed, w.tracks)
	}
}
