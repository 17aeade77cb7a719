package otel

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// Metrics counts and measures what the actors, sockets and cluster of a program do, and
// hands it to a meter provider. The zero Metrics works:
//
//	var metrics otel.Metrics
//	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{metrics.Instrument()}})
//
// That is all for actors; sockets, endpoints, presences and clusters have a method each. What has been
// counted stays, also when its source has stopped.
//
// Nothing is kept for an actor, a topic or a client. The labels are types of behaviors, routes
// and events of the program, and classes of reasons, and what there is too much of becomes
// "other"; see Limit. The types of actors that Troupe makes for itself, as supervisors and
// sessions, begin with "troupe/".
//
// A program has one Metrics. It lives as long as its provider, must not be copied, and its
// methods may be called from any goroutine. The fields must not be changed after the first of
// these calls.
type Metrics struct {
	// Provider makes the instruments; the global one if nil, which may be set later.
	Provider metric.MeterProvider

	// OneIn says how many handlings are measured, see Instrument: one of so many, chosen
	// at random; 100 if 0, and none if negative. Histograms are right about the share of
	// handlings that takes so long, and count one of so many. More than 2^30 counts as 2^30.
	OneIn int

	// Limit is how many series each metric may have; 200 if 0, and at least 32. What is
	// beyond is counted with behavior, socket, route and event "other".
	Limit int

	once sync.Once
	state
}

const (
	defaultOneIn = 100
	rarest       = 1 << 30 // as of an actor.Instrument
	defaultLimit = 200
)

// state is what a Metrics has once it is used.
type state struct {
	oneIn  int
	tables map[*definition]*table // does not change
	timers map[*definition]metric.Float64Histogram

	mu      sync.Mutex
	sources []*source
}

// source is what figures come from when somebody collects them.
type source struct {
	// observe tells f what there is. It may be called by several goroutines at once.
	observe func(f figures)
}

// figures takes the figures of one collection. Those with the same labels are added up. That
// of a gauge is a time.Duration.
type figures func(d *definition, n int64, labels ...metric.ObserveOption)

// init makes the instruments, the first time that it is called.
func (m *Metrics) init() {
	m.once.Do(func() {
		m.oneIn = min(cmp.Or(m.OneIn, defaultOneIn), rarest)
		limit := max(cmp.Or(m.Limit, defaultLimit), minLimit)
		m.tables = make(map[*definition]*table)
		m.timers = make(map[*definition]metric.Float64Histogram)
		for _, d := range catalog {
			m.tables[d] = newTable(d, limit)
		}
		provider := m.Provider
		if provider == nil {
			provider = global.GetMeterProvider()
		}
		if err := m.register(provider.Meter(scope)); err != nil {
			global.Handle(err)
		}
	})
}

// register makes the instruments, and has the provider ask for the figures.
func (m *Metrics) register(meter metric.Meter) error {
	observables := make(map[*definition]metric.Int64Observable)
	ages := make(map[*definition]metric.Float64Observable)
	var all []metric.Observable
	for _, d := range catalog {
		var err error
		var o metric.Int64Observable
		var g metric.Float64Observable
		about, unit := metric.WithDescription(d.about), metric.WithUnit(d.unit)
		switch d.kind {
		case histogram:
			m.timers[d], err = meter.Float64Histogram(d.name, about, unit, metric.WithExplicitBucketBoundaries(buckets...))
		case counter:
			o, err = meter.Int64ObservableCounter(d.name, about, unit)
		case upDown:
			o, err = meter.Int64ObservableUpDownCounter(d.name, about, unit)
		case gauge:
			g, err = meter.Float64ObservableGauge(d.name, about, unit)
		}
		if err != nil {
			return err
		}
		if o != nil {
			observables[d] = o
			all = append(all, o)
		}
		if g != nil {
			ages[d] = g
			all = append(all, g)
		}
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		m.collect(func(d *definition, n int64, labels ...metric.ObserveOption) {
			if age := ages[d]; age != nil {
				o.ObserveFloat64(age, time.Duration(n).Seconds(), labels...)
				return
			}
			o.ObserveInt64(observables[d], n, labels...)
		})
		return nil
	}, all...)
	return err
}

// collect tells f all figures there are now.
func (m *Metrics) collect(f figures) {
	for _, d := range catalog {
		if d.kind != histogram {
			m.tables[d].each(func(s *series) { f(d, s.n.Load(), s.labels) })
		}
	}
	m.mu.Lock()
	sources := slices.Clone(m.sources)
	m.mu.Unlock()
	for _, s := range sources {
		s.observe(f)
	}
}

// add has observe called at each collection, until stop is.
func (m *Metrics) add(observe func(f figures)) (stop func()) {
	m.init()
	s := &source{observe}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources = append(m.sources, s)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sources = slices.DeleteFunc(m.sources, func(x *source) bool { return x == s })
	}
}

// count adds one to the series of k.
func (m *Metrics) count(d *definition, k key) { m.tables[d].get(k).n.Add(1) }

// time measures seconds in the series of k.
func (m *Metrics) time(ctx context.Context, d *definition, k key, took time.Duration) {
	if h := m.timers[d]; h != nil {
		h.Record(ctx, took.Seconds(), m.tables[d].get(k).record...)
	}
}
