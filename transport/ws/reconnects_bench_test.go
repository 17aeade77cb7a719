package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// What 10,000 clients wait that come back at once, each having missed ten messages, as the 99th
// percentile: until its join is answered, from the beginning of its handshake and from its join
// on. The topic is not recorded, or recorded, or has a Store, at a node that has not read it yet;
// the three take turns. Connections are pipes, without a network, and clients and server share
// the machine. reads is of the store, for all 10,000.
//
//	go test -run '^$' -bench ReconnectsAtOnce -benchtime 5x ./transport/ws
func BenchmarkReconnectsAtOnce(b *testing.B) {
	store := new(historytest.Store)
	settings := []*ws.History{nil, {}, {Store: store}}
	var connected, joined [3][]float64
	reads := 0
	for b.Loop() {
		for i, h := range settings {
			r := newReconnection(b, h)
			before := store.Reads("room:a")
			whole, join := r.run(b)
			reads += store.Reads("room:a") - before
			r.close(b)
			connected[i] = append(connected[i], whole)
			joined[i] = append(joined[i], join)
		}
	}
	for i, name := range []string{"unrecorded", "recorded", "stored"} {
		b.ReportMetric(median(connected[i]), "ms-"+name)
		if i > 0 {
			b.ReportMetric(median(connected[i])/median(connected[0]), "ratio-"+name)
			b.ReportMetric(median(joined[i])/median(joined[0]), "ratio-join-"+name)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(reads)/float64(b.N), "reads")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// reconnection is a server whose clients are about to come back.
type reconnection struct {
	*server
	serving *http.Server
	since   ws.Position // where they stand
	missed  int
}

func newReconnection(b *testing.B, h *ws.History) *reconnection {
	r := &reconnection{}
	r.start(b, h)
	if h == nil {
		return r
	}
	r.missed = 10
	log, err := r.Recorded(b.Context(), "room:a", ws.Position{}, 1) // from now on it is recorded
	if err != nil {
		b.Fatal(err)
	}
	r.since = log.To
	for range r.missed {
		if err := r.Broadcast("room:a", "news", nil); err != nil {
			b.Fatal(err)
		}
	}
	if h.Store != nil { // they come to another node
		r.close(b)
		r.start(b, h)
	}
	return r
}

// start has it serve through pipes.
func (r *reconnection) start(b *testing.B, h *ws.History) {
	r.server = &server{sys: newSystem()}
	var err error
	if r.Endpoint, err = ws.Start(r.sys, ws.Config{Sockets: []ws.Socket{recorded(h, newGuest)}}); err != nil {
		b.Fatal(err)
	}
	l := newPipeListener()
	r.dialer, r.serving = l.dial, plain(r.Endpoint)
	go r.serving.Serve(l)
}

func (r *reconnection) close(b *testing.B) {
	ctx := context.Background()
	if err := errors.Join(r.serving.Close(), r.Shutdown(ctx), r.sys.Shutdown(ctx)); err != nil {
		b.Fatal(err)
	}
}

// run has the clients come back, and returns what they wait, in milliseconds.
func (r *reconnection) run(b *testing.B) (connected, joined float64) {
	const clients = 10_000
	var whole, joins [clients]time.Duration
	var conns [clients]net.Conn
	var coming sync.WaitGroup
	for i := range clients {
		coming.Go(func() {
			began := time.Now()
			c, err := r.connectRaw(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			conns[i] = c
			joining := time.Now()
			if err := r.rejoin(c); err != nil {
				b.Error(err)
				return
			}
			whole[i], joins[i] = time.Since(began), time.Since(joining)
			if err := r.catchUp(c); err != nil {
				b.Error(err)
			}
		})
	}
	coming.Wait()
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
	return p99(whole[:]), p99(joins[:])
}

func p99(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)*99/100].Microseconds()) / 1000
}

func (r *reconnection) connectRaw(ctx context.Context) (*rawclient.Client, error) {
	nc, err := r.dialer(ctx)
	if err != nil {
		return nil, err
	}
	c, resp, err := rawclient.Request(nc, "/socket/websocket?vsn=2.0.0", "", nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(resp.Status)
	}
	return c, err
}

// rejoin returns when the join is answered.
func (r *reconnection) rejoin(c *rawclient.Client) error {
	if _, err := c.Write(rawclient.Text(fmt.Sprintf(`["1","1","room:a","phx_join",{"since":%q}]`, r.since))); err != nil {
		return err
	}
	text, err := c.ReadText()
	if err == nil && !strings.Contains(text, `"status":"ok"`) {
		err = errors.New(text)
	}
	return err
}

// catchUp reads what the client has missed.
func (r *reconnection) catchUp(c *rawclient.Client) error {
	for n := 0; n < r.missed; {
		text, err := c.ReadText()
		switch {
		case err != nil:
			return err
		case strings.Contains(text, `"complete":false`):
			return errors.New(text)
		case strings.Contains(text, `"news"`):
			n++
		}
	}
	return nil
}
