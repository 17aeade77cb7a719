package wsclient_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// puppet is a server that does what a test tells it to, frame by frame.
type puppet struct {
	*server
	t        testing.TB
	peers    chan *peer
	refuse   atomic.Int32 // status to refuse connections with; 0: none
	refused  atomic.Int32 // how many were
	hesitant bool         // peers read a frame only when it is asked for

	mu  sync.Mutex
	all []*peer
}

// peer is the server's end of one connection.
type peer struct {
	t       testing.TB
	ws      *websocket.Conn
	request *http.Request
	frames  chan string // what the client has sent, but for heartbeats that are answered
	closed  chan error
	mute    atomic.Bool // heartbeats are not answered
}

// newPuppet serves in memory; only for tests in a bubble.
func newPuppet(t testing.TB) *puppet {
	p := &puppet{t: t, peers: make(chan *peer, 100)}
	p.server = serveHTTP(t, p, true)
	t.Cleanup(func() { // after the client's, which is closed in good order
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, peer := range p.all {
			peer.ws.CloseNow()
		}
	})
	return p
}

func (p *puppet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := p.refuse.Load(); status != 0 {
		p.refused.Add(1)
		w.WriteHeader(int(status))
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"phoenix"}})
	if err != nil {
		p.t.Error(err)
		return
	}
	ws.SetReadLimit(-1)
	capacity := 10_000
	if p.hesitant {
		capacity = 0
	}
	peer := &peer{t: p.t, ws: ws, request: r, frames: make(chan string, capacity), closed: make(chan error, 1)}
	p.mu.Lock()
	p.all = append(p.all, peer)
	p.mu.Unlock()
	go peer.read()
	p.peers <- peer
}

func (p *peer) read() {
	for {
		_, data, err := p.ws.Read(context.Background())
		if err != nil {
			p.closed <- err
			return
		}
		if ref, ok := strings.CutSuffix(string(data), `,"phoenix","heartbeat",{}]`); ok && !p.mute.Load() {
			p.send(ref + `,"phoenix","phx_reply",{"status":"ok","response":{}}]`)
			continue
		}
		select {
		case p.frames <- string(data):
		case <-p.t.Context().Done():
		}
	}
}

// peer returns the next connection.
func (p *puppet) peer() *peer {
	p.t.Helper()
	return soon(p.t, p.peers)
}

// expect checks the next frames of the client.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	for _, w := range want {
		got := soon(p.t, p.frames)
		if got != w && !sameJSON([]byte(got), w) {
			p.t.Fatalf("client sent %q\nwant        %q", got, w)
		}
	}
}

// expectNothing checks that the client sends nothing for a while.
func (p *peer) expectNothing(d time.Duration) {
	p.t.Helper()
	select {
	case got := <-p.frames:
		p.t.Fatalf("client sent %q", got)
	case <-time.After(d):
	}
}

func (p *peer) send(frames ...string) {
	p.t.Helper()
	for _, f := range frames {
		if err := p.ws.Write(context.Background(), websocket.MessageText, []byte(f)); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *peer) sendBinary(data string) {
	p.t.Helper()
	if err := p.ws.Write(context.Background(), websocket.MessageBinary, []byte(data)); err != nil {
		p.t.Error(err)
	}
}

// expectJoin answers the next frame, which must be a join with that ref.
func (p *peer) expectJoin(topic, ref string) {
	p.t.Helper()
	p.expect(`["` + ref + `","` + ref + `","` + topic + `","phx_join",{}]`)
	p.send(`["` + ref + `","` + ref + `","` + topic + `","phx_reply",{"status":"ok","response":{}}]`)
}
