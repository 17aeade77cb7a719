// Command orders takes orders over HTTP and has them paid by a provider that often fails.
//
//	go run ./examples/orders
//	curl -X POST http://127.0.0.1:4000/orders
//	curl -X POST 'http://127.0.0.1:4000/orders/NUMBER/items?name=tea&cents=300'
//	curl -X POST http://127.0.0.1:4000/orders/NUMBER/payment
//	curl http://127.0.0.1:4000/metrics
//
// Each order is an actor, which the first that asks for it starts. It hands its payment to a
// pool of workers, tries again later if that fails, and expires after 30 minutes.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// shop is all that the program consists of.
type shop struct {
	store    *Store
	orders   *entity.Set[int, request]
	payments *pool.Pool[bill]
	metrics  metrics
}

func newShop(store *Store, provider Provider) *shop {
	s := &shop{store: store, metrics: metrics{all: map[string]handlings{}}}
	s.orders = entity.New(entity.Config{ID: "orders"}, func(number int) *order {
		return &order{shop: s, Order: Order{Number: number}}
	})
	s.payments = pool.New(pool.Config{ID: "payments", Min: 2, Max: 8, Queue: mailbox.Bounded(1000, mailbox.Fail)},
		func() teller { return teller{provider} })
	return s
}

// spec is the tree, in which what comes later needs what comes before.
func (s *shop) spec(more ...supervisor.Child) supervisor.Spec {
	children := []supervisor.Child{s.payments.Child(), s.orders.Child(), supervisor.Service("resume", s.resume)}
	return supervisor.Spec{Strategy: supervisor.RestForOne, Children: append(children, more...)}
}

// resume starts the orders that were under way when the program, or all orders, ended.
func (s *shop) resume(ctx context.Context) error {
	for o := range s.store.UnderWay {
		if _, err := s.orders.Find(ctx, o.Number); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

func program(addr string, s *shop) supervisor.Program {
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	}, supervisor.Shutdown(2*patience)) // clients that wait are answered
	return supervisor.Program{
		Spec:    s.spec(web),
		OnStart: func(sys *actor.System, _ supervisor.Tree) { sys.Watchdog(2 * chargeLimit) },
		Config:  actor.Config{Instruments: []actor.Instrument{{End: s.metrics.end}}},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "where to listen")
	flag.Parse()
	supervisor.Main(program(*addr, newShop(new(Store), flaky{})))
}
