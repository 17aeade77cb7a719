package ws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
)

// Whatever happens to clients and their connections, each push comes once and in order, or the
// handler is told that something is lost; each channel ends once, and none stays.
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

	mu      sync.Mutex
	made    int
	rooms   map[int]*lingerRoom // by their numbers
	resumes int
}

// lingerRoom is a handler. It numbers what it pushes.
type lingerRoom struct {
	w       *lingerWorld
	id      int
	user    string
	channel *ws.Channel
	pushed  int
	slow    bool // it may have been killed
	ended   int
}

func (r *lingerRoom) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.made++
	r.id, r.user, r.channel = r.w.made, c.SocketID(), c
	r.w.rooms[r.id] = r
	return map[string]any{"id": r.id, "complete": true}, nil
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
	return map[string]any{"id": r.id, "complete": resumed.Complete}, nil
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
		r.slow = true
		time.Sleep(msg)
	case int:
		for range msg {
			r.pushed++
			c.Push("pushed", map[string]int{"id": r.id, "n": r.pushed})
		}
	}
	return nil
}

func (r *lingerRoom) Terminate(*ws.Channel, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.ended++
}

// lingerTab is a client with a channel. What it has of that survives its connections.
type lingerTab struct {
	w      *lingerWorld
	user   string
	counts bool            // it says what it has got
	conn   *websocket.Conn // nil: none
	deaf   *bool           // of that one: what comes is lost on the way
	refs   int

	mu    sync.Mutex
	token string
	got   string
	id    int  // of its room
	last  int  // that it has got of that
	torn  bool // something is lost behind that
	in    bool // it has joined, on its present connection
}

func (w *lingerWorld) run() {
	room := ws.Topic("room:*", func() *lingerRoom { return &lingerRoom{w: w} }, nil)
	room.Linger = time.Minute
	w.s = serveInMemory(w.t, ws.Socket{
		Path: "/socket", Channels: ws.Routes{room}, MaxLingering: 3, MaxLingerBytes: 4000, IdleTimeout: time.Hour,
		Connect: func(r *ws.Request) (ws.Identity, error) {
			id := ws.Identity{ID: r.Params.Get("user")}
			if r.Params.Get("brief") != "" {
				id.Expires = time.Now().Add(2 * time.Minute)
			}
			return id, nil
		},
	})
	for _, user := range []string{"ann", "ann", "bob", "bob", ""} {
		w.tabs = append(w.tabs, &lingerTab{w: w, user: user, counts: w.rnd.IntN(2) == 0})
	}
	for range 60 {
		w.step(w.tabs[w.rnd.IntN(len(w.tabs))])
		if w.rnd.IntN(4) > 0 {
			synctest.Wait()
		}
	}
	w.finish()
}

// step does one thing that may happen.
func (w *lingerWorld) step(tab *lingerTab) {
	switch w.rnd.IntN(14) {
	case 0, 1, 2, 3:
		tab.connect()
	case 4, 5:
		tab.cut()
	case 6:
		if tab.conn != nil {
			tab.mu.Lock()
			*tab.deaf = true
			tab.mu.Unlock()
		}
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
		token, got, id, last, torn := other.token, other.got, other.id, other.last, other.torn
		other.mu.Unlock()
		tab.mu.Lock()
		if tab.deaf != nil {
			*tab.deaf = true
		}
		tab.token, tab.got, tab.id, tab.last, tab.torn = token, got, id, last, torn // as one that is copied, or stolen
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

// connect opens a connection and joins, whatever becomes of the one before: the server may not
// know yet that it is lost.
func (tab *lingerTab) connect() {
	c := tab.w.s.connectWith(tab.w.t, "user="+tab.user+map[bool]string{true: "&brief=1"}[tab.w.rnd.IntN(8) == 0])
	tab.mu.Lock()
	if tab.conn != nil {
		*tab.deaf = true
	}
	tab.conn, tab.deaf, tab.in = c.conn, new(bool), false
	deaf := tab.deaf
	params := fmt.Sprintf(`{"resume_token":%q}`, tab.token)
	if tab.counts {
		params = fmt.Sprintf(`{"resume_token":%q,"got":%q}`, tab.token, tab.got)
	}
	tab.mu.Unlock()
	tab.refs++
	join := fmt.Sprint(tab.refs)
	go func() {
		for {
			_, data, err := c.conn.Read(context.Background())
			if err != nil { // the server may have closed it
				tab.mu.Lock()
				defer tab.mu.Unlock()
				tab.in = tab.in && tab.deaf != deaf
				return
			}
			tab.heard(data, join, deaf)
		}
	}()
	c.conn.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `[%q,%q,"room:a","phx_join",%s]`, join, join, params))
}

// cut ends the connection, which the server notices.
func (tab *lingerTab) cut() {
	if tab.conn != nil {
		tab.conn.CloseNow()
		tab.conn = nil
	}
}

// say sends something on the channel.
func (tab *lingerTab) say(event string) {
	if tab.conn != nil {
		tab.conn.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `["%d","say","room:a",%s,{}]`, tab.refs, event))
	}
}

// heard takes in a message, unless that is lost.
func (tab *lingerTab) heard(data []byte, join string, deaf *bool) {
	var m [5]json.RawMessage
	var joinRef, ref, event string
	if json.Unmarshal(data, &m) != nil {
		tab.w.t.Errorf("got %s", data)
		return
	}
	json.Unmarshal(m[0], &joinRef)
	json.Unmarshal(m[1], &ref)
	json.Unmarshal(m[3], &event)
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch {
	case *deaf:
	case event == "phx_reply" && ref == join:
		tab.joined(m[4])
	case event == "phx_error" || event == "phx_close":
		tab.in = false
	case event == "pushed":
		var p struct{ ID, N int }
		json.Unmarshal(m[4], &p)
		if p.ID != tab.id || p.N <= tab.last || p.N != tab.last+1 && !tab.torn || joinRef != join {
			tab.w.t.Errorf("seed %d: %s pushed to %q, which had %d of room %d, joined as %s", tab.w.seed, data, tab.user, tab.last, tab.id, join)
		}
		tab.last, tab.got, tab.torn = p.N, ref, false
	}
}

// joined takes in the answer to a join.
func (tab *lingerTab) joined(payload []byte) {
	var reply struct {
		Status   string
		Response struct {
			ID       int
			Complete bool
			Resumed  bool
			Token    string `json:"resume_token"`
		}
	}
	json.Unmarshal(payload, &reply)
	r := reply.Response
	switch {
	case reply.Status != "ok":
		return
	case !r.Resumed:
		tab.last, tab.got = 0, ""
	case r.ID != tab.id:
		tab.w.t.Errorf("seed %d: the client of room %d has resumed room %d", tab.w.seed, tab.id, r.ID)
	}
	tab.torn = tab.torn && r.Resumed || !r.Complete
	tab.token, tab.id, tab.in = r.Token, r.ID, true
}

// finish lets all clients go, by turns in one way and another, and looks what is left.
func (w *lingerWorld) finish() {
	synctest.Wait()
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
	if err := w.s.Drain(context.Background()); err != nil {
		w.t.Errorf("seed %d: drain: %v", w.seed, err)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	if s := w.s.Stats(); s.Channels != 0 || s.Lingering != 0 || s.Connections != 0 {
		w.t.Errorf("seed %d: at the end there are %+v", w.seed, s)
	}
	for id, r := range w.rooms {
		if r.ended != 1 && !(r.slow && r.ended == 0) {
			w.t.Errorf("seed %d: room %d has ended %d times", w.seed, id, r.ended)
		}
	}
}
