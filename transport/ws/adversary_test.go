package ws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
)

var (
	adversarySeed = flag.Uint64("adversary.seed", 1, "first seed of the adversarial test")
	adversaryTime = flag.Duration("adversary.time", 0, "how long the adversarial test goes on with further seeds; 0 for one seed")
)

// arena is a mode, and what is between the clients and the server.
type arena struct {
	mode
	polls bool // every other client polls
	proxy bool // all is behind a reverse proxy
}

func arenas() []arena {
	all := []arena{
		{mode: mode{name: "long-poll"}, polls: true},
		{mode: mode{name: "behind a proxy"}, polls: true, proxy: true},
	}
	for _, m := range modes {
		if m.park != m.deflate && long.Rounds(0, 1) == 0 {
			continue // both are in the last one
		}
		all = append(all, arena{mode: m})
	}
	return all
}

// The most that a seed may leave behind in the heap, and all of them together.
const maxHeapGrowth = 4 << 20

// What some clients do, whatever it is, changes nothing for others: what those send is
// answered whole and once, what they broadcast reaches each of them whole, once and in
// order, and in time. Of what the adversaries send, whole messages are delivered
// whole and at most once, and cut ones not at all. In the end nothing is left of them.
//
// What an adversary does depends on the seed alone. To repeat a failure run its
// subtest with its seed: -run 'Adversaries/seed=7/parked$' -adversary.seed=7.
func TestAdversariesChangeNothingForOthers(t *testing.T) {
	if parked {
		t.Skip("it has run in this mode")
	}
	var heap uint64
	start := time.Now()
	for seed := *adversarySeed; ; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			fought, arrived := 0, 0
			for _, a := range arenas() {
				t.Run(a.name, func(t *testing.T) {
					fought++
					arrived += a.fight(t, seed)
				})
			}
			// In one arena a seed may have its adversaries fail before they have said
			// anything whole: this is not for one that is run alone.
			if fought == len(arenas()) && arrived == 0 {
				t.Error("no broadcast of an adversary has arrived: they have done nothing")
			}
		})
		now := liveHeap()
		if heap == 0 {
			heap = now
		}
		if t.Failed() || time.Since(start) >= *adversaryTime {
			if now > heap+maxHeapGrowth {
				t.Errorf("the heap has grown from %d to %d bytes since seed %d", heap, now, *adversarySeed)
			}
			return
		}
	}
}

// The cast of a fight.
const (
	innocents   = 6
	adversaries = 12
)

// fight lets adversaries loose on a server on which innocents do ordinary work. It
// returns how many copies of the adversaries' broadcasts have arrived.
func (a arena) fight(t *testing.T, seed uint64) (arrived int) {
	polled, err := net.Listen("tcp", "127.0.0.1:0") // the runtime has descriptors of its own from here on
	if err != nil {
		t.Fatal(err)
	}
	polled.Close()
	before := usage{goroutines: runtime.NumGoroutine(), descriptors: descriptors()}
	t.Run("fight", func(t *testing.T) { // whose cleanup ends the server
		w := a.world(t, seed)
		scripts := w.scripts(seed)
		base := w.join(t)
		heap := liveHeap()
		close(w.start)
		var adversaries sync.WaitGroup
		for _, s := range scripts {
			adversaries.Go(func() { s.play(w) })
		}
		adversaries.Wait()
		w.finish(t)
		arrived = w.aftermath(t, base, heap)
		runtime.KeepAlive(scripts)
	})
	before.restored(t, func() usage { return usage{runtime.NumGoroutine(), descriptors()} })
	return arrived
}

// world is a server with its clients, and the model of what they may see.
type world struct {
	arena
	server *server
	addr   string // of the server, or of the proxy
	idle   []func()

	// messages are the broadcasts of adversaries that may arrive. Constant from the
	// start on: a broadcast that is not there must not arrive.
	messages map[string]shout

	innocents []*innocent
	pollers   int          // of these
	waiting   atomic.Int32 // polls of theirs, that have come to the server and are not answered
	joined    sync.WaitGroup
	working   sync.WaitGroup
	start     chan struct{} // closed when innocents may work
	over      chan struct{} // closed when no adversary is left

	doomed context.Context // ends at the first failure
	fail   context.CancelCauseFunc

	mu       sync.Mutex
	rounds   int           // that innocents have worked
	progress chan struct{} // closed at the next one
}

// shout is a broadcast that is made by a client.
type shout struct{ topic, text string }

// The sockets of a fight. What would last as long as a limit of theirs is found by the
// innocents' patience, or is over when an adversary goes.
func sockets(seed uint64) []ws.Socket {
	roomy := polling(nil)
	roomy.MaxQueue = 16 << 20 // more than all adversaries send
	tight := polling(nil)
	tight.Path = "/tight"
	tight.MaxQueue = 32 << 10
	tight.MaxMessageSize = 64 << 10
	tight.MaxUnhandled = 8 << 10
	if seed%2 == 0 {
		tight.Overflow = ws.DropNewest
	}
	both := []ws.Socket{roomy, tight}
	for i := range both {
		both[i].PollWindow, both[i].WriteTimeout = 3*patience, 3*patience
	}
	return both
}

func (a arena) world(t *testing.T, seed uint64) *world {
	w := &world{arena: a, messages: map[string]shout{}, start: make(chan struct{}), over: make(chan struct{}), progress: make(chan struct{})}
	w.doomed, w.fail = context.WithCancelCause(t.Context())
	t.Cleanup(func() { w.fail(nil) })
	w.server = a.serveBehind(t, w.front, sockets(seed)...)
	w.addr = w.server.addr
	if a.proxy {
		w.addr = w.behindProxy(t)
	}
	for i := range innocents {
		w.innocents = append(w.innocents, newInnocent(w, i, rand.New(rand.NewPCG(seed, uint64(i)))))
	}
	return w
}

// front counts the polls that come.
func (w *world) front(h http.Handler) *http.Server {
	return plain(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/longpoll") {
			w.waiting.Add(1)
		}
		h.ServeHTTP(rw, r)
	}))
}

// behindProxy starts a proxy and returns its address.
func (w *world) behindProxy(t *testing.T) string {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: w.server.addr})
	transport := new(http.Transport)
	proxy.Transport = transport
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	front := httptest.NewServer(proxy)
	w.idle = append(w.idle, transport.CloseIdleConnections)
	t.Cleanup(func() {
		front.Close()
		transport.CloseIdleConnections()
	})
	return front.Listener.Addr().String()
}

// dial opens a connection, which does not last for ever.
func (w *world) dial() (nc net.Conn, err error) {
	if nc, err = net.Dial("tcp", w.addr); err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(3 * patience))
	if w.server.tls != nil {
		nc = tls.Client(nc, w.server.tls)
	}
	return nc, nil
}

// join lets the innocents join, and returns what is in use when all wait for what
// comes.
func (w *world) join(t *testing.T) (base usage) {
	each := 2 // descriptors of a connection
	if w.proxy {
		each = 4
	}
	empty := descriptors()
	w.joined.Add(innocents)
	for _, in := range w.innocents {
		w.working.Go(func() {
			if err := in.live(); err != nil {
				w.fail(fmt.Errorf("%s: %w", in.id, err))
			}
		})
	}
	w.await(t, &w.joined)
	eventually(t, "all innocents are connected", func() bool {
		// No poller is between two polls, or about to have what it takes to wait in one.
		polling := int(w.waiting.Load()) == w.pollers
		base = w.usage()
		return polling && (empty == 0 || base.descriptors >= empty+innocents*each)
	})
	return base
}

// finish waits for the end of the innocents' work.
func (w *world) finish(t *testing.T) {
	close(w.over)
	w.await(t, &w.working)
}

// await waits for the innocents, and ends the test if one has failed.
func (w *world) await(t *testing.T, all *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-w.doomed.Done():
	}
	if err := context.Cause(w.doomed); err != nil {
		t.Fatal(err)
	}
}

// aftermath checks that there is nothing left of the adversaries. It returns how many
// copies of their broadcasts have arrived.
func (w *world) aftermath(t *testing.T, base usage, heap uint64) int {
	if w.polls { // they would be given up when they have not polled for long enough
		if err := w.server.Disconnect("user:poller"); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "no session but those of the innocents", func() bool {
		st := w.server.Stats()
		return st.Connections == innocents && st.Channels == innocents
	})
	base.restored(t, w.usage)
	if now := liveHeap(); now > heap+maxHeapGrowth {
		t.Errorf("the heap has grown from %d to %d bytes", heap, now)
	}
	arrived := 0
	for _, in := range w.innocents {
		in.access.close()
	}
	for _, in := range w.innocents {
		<-in.gone
		arrived += len(in.seen)
	}
	t.Logf("%d rounds; of %d broadcasts of adversaries, %d copies arrived", w.rounds, len(w.messages), arrived)
	w.usage()
	return arrived
}

// worked tells that an innocent has done some work.
func (w *world) worked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rounds++
	close(w.progress)
	w.progress = make(chan struct{})
}

// pass waits until the innocents have done so much work: time as adversaries have it.
func (w *world) pass(rounds int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for until := w.rounds + rounds; w.rounds < until; {
		progress := w.progress
		w.mu.Unlock()
		select {
		case <-progress:
		case <-w.doomed.Done():
			rounds = 0
		}
		w.mu.Lock()
		if rounds == 0 {
			return
		}
	}
}

// usage is what the process has.
type usage struct{ goroutines, descriptors int }

// restored waits until there is no more than this.
func (u usage) restored(t *testing.T, now func() usage) {
	var last usage
	defer func() {
		if t.Failed() {
			t.Logf("now %+v, before %+v", last, u)
		}
	}()
	eventually(t, "no more goroutines and descriptors than before", func() bool {
		last = now()
		return last.goroutines <= u.goroutines && last.descriptors <= u.descriptors
	})
}

// usage is what is left when nothing is idle.
func (w *world) usage() usage {
	for _, closeIdle := range w.idle {
		closeIdle()
	}
	return usage{runtime.NumGoroutine(), descriptors()}
}

// descriptors counts those that are open, where the system tells.
func descriptors() int {
	dir, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	return len(dir)
}

// liveHeap is what is reachable. Pools are empty after the second collection.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// scripts writes what the adversaries will do, and what of that may be heard.
func (w *world) scripts(seed uint64) (all []script) {
	for i := range adversaries {
		author := author{
			rnd:   rand.New(rand.NewPCG(seed, uint64(1000+i))),
			mode:  w.mode,
			name:  fmt.Sprint("a", i),
			heard: map[string]shout{},
		}
		if w.polls && i%2 == 1 {
			all = append(all, author.pollScript())
		} else {
			all = append(all, author.script())
		}
		maps.Copy(w.messages, author.heard)
	}
	return all
}

// script is what an adversary does.
type script interface{ play(w *world) }
