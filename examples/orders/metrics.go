package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// metrics counts what handlers do, by the types of the actor and of the message.
type metrics struct {
	mu  sync.Mutex
	all map[string]handlings
}

type handlings struct {
	count, failed int
	worked        time.Duration
}

// end is called after each handler of each actor.
func (m *metrics) end(_ context.Context, h *actor.Handling) {
	what := fmt.Sprintf("actor=%q,handler=%q,message=%q", fmt.Sprint(h.Behavior), h.Handler, fmt.Sprint(h.Message))
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all[what]
	all.count++
	all.worked += h.Worked
	if h.Err != nil && !actor.IsClean(h.Err) {
		all.failed++
	}
	m.all[what] = all
}

// page shows the metrics. Requests that orders and tellers refuse are answers, not failures.
func (s *shop) page(w http.ResponseWriter, _ *http.Request) {
	jobs := s.payments.Stats()
	fmt.Fprintf(w, "orders_running %d\npayments_waiting %d\npayments_busy %d\n", s.orders.Count(), jobs.Waiting, jobs.Busy)
	s.metrics.mu.Lock()
	all := maps.Clone(s.metrics.all)
	s.metrics.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "handled{%s} %d\n", what, all[what].count)
		fmt.Fprintf(w, "failed{%s} %d\n", what, all[what].failed)
		fmt.Fprintf(w, "seconds{%s} %g\n", what, all[what].worked.Seconds())
	}
}
