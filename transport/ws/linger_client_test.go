package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
)

// lingerTab is a client with a channel. What it has of that survives its connections.
type lingerTab struct {
	w      *lingerWorld
	user   string
	counts bool            // it says what it has got
	conn   *websocket.Conn // nil: none
	deaf   *bool           // of that one: what comes is lost on the way
	refs   int

	leaky bool // what was broadcast since its last answer may be lost, and it is not told

	mu    sync.Mutex
	in    bool // it has joined, on its present connection
	stays bool // so it had when all was quiet
	holding
}

// holding is what a client has of its channel. It may be stolen.
type holding struct {
	token  string
	got    string
	since  string
	id     int  // of its room
	answer int  // the number of the answer to its last join
	last   int  // push that it has got of that
	torn   bool // something is lost behind that
	said   int  // the last broadcast that it has got, or need not get
	fresh  bool // what came just behind that it need not get
	until  int  // nor what came up to this one
	passed int
	crowd  *ws.Crowd
}

// isUpToDate is a part of rests.
func (tab *lingerTab) isUpToDate(here []int) {
	w := tab.w
	switch {
	case !tab.fresh && tab.said != w.said && tab.until < w.said:
		w.t.Errorf("seed %d: %q has got %d of %d broadcasts", w.seed, tab.user, tab.said, w.said)
	case w.kept && tab.said != w.said:
		w.t.Errorf("seed %d: %q has got %d of %d broadcasts that are recorded", w.seed, tab.user, tab.said, w.said)
	case tab.stays && tab.passed != w.passed:
		w.t.Errorf("seed %d: %q has got %d of %d broadcasts that are not recorded", w.seed, tab.user, tab.passed, w.passed)
	case !slices.Equal(tab.crowd.Sees(), here):
		w.t.Errorf("seed %d: %q sees %v, and there are %v", w.seed, tab.user, tab.crowd.Sees(), here)
	}
	tab.said, tab.fresh, tab.stays, tab.passed = w.said, false, true, w.passed
}

// returns is connect for a client that may be owed its channel.
func (tab *lingerTab) returns() {
	w := tab.w
	tab.mu.Lock()
	w.mu.Lock()
	r, answer := w.rooms[tab.id], tab.answer
	due := w.quiet && r != nil && r.idles() && r.user == tab.user && r.answers == answer
	w.mu.Unlock()
	tab.mu.Unlock()
	tab.connect()
	if !due {
		return
	}
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.lives() && r.answers != answer+1 {
		w.t.Errorf("seed %d: %q has not got room %d back", w.seed, tab.user, r.id)
	}
}

// connect opens a connection and joins, whatever becomes of the one before: the server may not
// know yet that it is lost.
func (tab *lingerTab) connect() {
	c := tab.w.s.connectWith(tab.w.t, "user="+tab.user+map[bool]string{true: "&brief=1"}[tab.w.rnd.IntN(8) == 0])
	tab.mu.Lock()
	if tab.conn != nil {
		*tab.deaf, tab.leaky = true, true
	}
	tab.conn, tab.deaf, tab.in, tab.stays = c.conn, new(bool), false, false
	deaf := tab.deaf
	params := fmt.Sprintf(`{"resume_token":%q,"since":%q}`, tab.token, tab.since)
	if tab.counts {
		params = fmt.Sprintf(`{"resume_token":%q,"since":%q,"got":%q}`, tab.token, tab.since, tab.got)
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

// cut ends the connection, which the server notices. If all was quiet before, the channel stays,
// unless there are too many that do.
func (tab *lingerTab) cut() {
	if tab.conn == nil {
		return
	}
	w := tab.w
	tab.mu.Lock()
	w.mu.Lock()
	r := w.rooms[tab.id]
	stays := w.quiet && tab.in && !*tab.deaf && r.idles()
	if stays {
		r.lost = time.Now()
	}
	waits := stays && w.rnd.IntN(4) > 0
	tab.leaky = tab.leaky || !waits
	w.mu.Unlock()
	tab.mu.Unlock()
	refusals := w.s.Stats().LingerRefusals
	tab.conn.CloseNow()
	tab.conn = nil
	if !waits {
		return
	}
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.lives() && w.s.Stats().LingerRefusals == refusals {
		w.t.Errorf("seed %d: room %d of %q does not linger", w.seed, r.id, tab.user)
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
	if *deaf {
		return
	}
	if is, err := tab.crowd.Hears(event, string(m[4])); is {
		if err != nil {
			tab.w.t.Error(err)
		}
		if strings.HasPrefix(ref, "~") {
			tab.got = ref
		}
		return
	}
	switch {
	case event == "phx_reply" && ref == join:
		tab.joined(m[4])
	case event == "phx_error" || event == "phx_close":
		tab.in, tab.stays = false, false
	case event == "said" || event == "passed" || event == "phx_position" || event == "phx_recovery":
		tab.tells(event, ref, m[4])
	case event == "pushed":
		var p struct{ ID, N int }
		json.Unmarshal(m[4], &p)
		if p.ID != tab.id || p.N <= tab.last || p.N != tab.last+1 && !tab.torn || joinRef != join {
			tab.w.t.Errorf("seed %d: %s pushed to %q, which had %d of room %d, joined as %s", tab.w.seed, data, tab.user, tab.last, tab.id, join)
		}
		tab.last, tab.got, tab.torn = p.N, ref, false
	}
}

// tells takes in a broadcast, or where the client stands among those that are recorded.
func (tab *lingerTab) tells(event, ref string, payload []byte) {
	var p struct {
		N        int
		Complete bool
	}
	json.Unmarshal(payload, &p)
	at := -1 // each one that is recorded has the next place in the log
	if tab.w.kept && event != "passed" {
		if position, err := ws.ParsePosition(ref); err == nil {
			at, tab.since = int(position.Offset), ref
		}
	}
	tab.w.mu.Lock()
	top := tab.w.said
	tab.w.mu.Unlock()
	right := true
	switch event {
	case "passed":
		right = p.N > tab.passed && (p.N == tab.passed+1 || !tab.stays)
		tab.passed = p.N
	case "said":
		right = p.N > tab.said && (p.N == tab.said+1 || !tab.w.kept && (tab.fresh || p.N <= tab.until+1)) && (at == p.N || !tab.w.kept)
		tab.said = p.N
	case "phx_recovery":
		right = at >= 0 && (at == tab.said || !p.Complete && at > tab.said) && (p.Complete || top-tab.said > roomHistory)
		tab.said = at
	case "phx_position":
		right = at >= 0
		tab.said = at
	}
	if !right {
		tab.w.t.Errorf("seed %d: %s %s %s to %q, which had %+v, of %d", tab.w.seed, event, ref, payload, tab.user, tab.holding, top)
	}
}

// joined takes in the answer to a join.
func (tab *lingerTab) joined(payload []byte) {
	var reply struct {
		Status   string
		Response struct {
			ID, N    int
			Said     int
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
		tab.last, tab.got, tab.fresh = 0, "", !tab.w.kept
		if !tab.w.kept {
			tab.said = r.Said - 1 // that one has a number, and may still be on its way
		}
	case r.ID != tab.id:
		tab.w.t.Errorf("seed %d: the client of room %d has resumed room %d", tab.w.seed, tab.id, r.ID)
	}
	if tab.leaky || !r.Complete {
		tab.until = r.Said
	}
	tab.leaky = false
	tab.torn = tab.torn && r.Resumed || !r.Complete
	tab.token, tab.id, tab.answer, tab.in = r.Token, r.ID, r.N, true
	tab.crowd.Joined()
}
