package channels

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// run measures the servers, one after the other. Each step is bounded in time, and
// no address that is not of this machine is ever connected to.
func (p plan) run(ctx context.Context) ([]report.Row, error) {
	r := &suite{plan: p}
	r.each(ctx, echo, 0, r.echo)
	for _, n := range p.sizes {
		if p.processes == 1 {
			r.each(ctx, connections, n, r.connections)
			continue
		}
		if r.wants(connections) {
			for _, subject := range r.servers {
				r.once(ctx, fmt.Sprintf("%s to %d servers", connections, p.processes), subject, func() error {
					return r.several(ctx, subject, n)
				})
			}
		}
	}
	r.each(ctx, slowReader, 0, r.slowReader)
	return r.rows, r.err
}

// suite is a run under way. After an error it does nothing more.
type suite struct {
	plan
	rows []report.Row
	err  error
}

// each measures every server, each of ours in a fresh process.
func (r *suite) each(ctx context.Context, workload string, size int, measure func(context.Context, *target, int) error) {
	if !r.wants(workload) {
		return
	}
	for _, subject := range r.servers {
		r.once(ctx, workload, subject, func() error {
			t, err := start(ctx, subject)
			if err != nil {
				return err
			}
			defer t.stop()
			return measure(ctx, t, size)
		})
	}
	if r.external != nil {
		r.once(ctx, workload, r.external.name, func() error { return measure(ctx, r.external, size) })
	}
}

func (r *suite) once(ctx context.Context, workload, subject string, measure func() error) {
	if r.err != nil {
		return
	}
	if r.err = ctx.Err(); r.err != nil {
		return
	}
	fmt.Fprintf(r.progress, "%s: %s\n", workload, subject)
	if err := measure(); err != nil {
		r.err = fmt.Errorf("%s: %s: %w", workload, subject, err)
	}
}

// add notes a figure, with the values of all runs.
func (r *suite) add(t *target, workload, metric string, size int, unit string, values ...float64) {
	row := report.Row{Suite: name, Workload: workload, Subject: t.name, Metric: metric, Size: size, Unit: unit}.Of(values...)
	r.rows = append(r.rows, row)
	fmt.Fprintf(r.progress, "  %s, %s: %s %s\n", workload, metric, report.Figure(row.Median), unit)
}

// fleet connects clients to the server, each on a topic of its own.
func (r *suite) fleet(ctx context.Context, t *target, n int) (*fleet, error) {
	f, err := newFleet(t.addr, t.path)
	if err != nil {
		return nil, err
	}
	if _, err := f.enter(ctx, n, ownTopic); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func ownTopic(id int) string    { return "room:" + strconv.Itoa(id) }
func secondTopic(id int) string { return "room:second-" + strconv.Itoa(id) }

const commonTopic = "room:lobby"

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// windows is how often echoes are measured: the median counts.
const windows = 3

// echo measures how fast events are answered.
func (r *suite) echo(ctx context.Context, t *target, _ int) error {
	f, err := r.fleet(ctx, t, 100)
	if err != nil {
		return err
	}
	defer f.close()
	for _, n := range []int{1, 100} {
		defer t.profile(r.profiles, "profile", fmt.Sprint("echo-", n), int(windows*r.window/time.Second))()
		var rate, cpu, p50, p99, p999 []float64
		for range windows {
			before := t.cpu()
			l, took, err := f.echo(ctx, n, ownTopic, r.window)
			if err != nil {
				return err
			}
			if len(l) == 0 {
				return errLate
			}
			rate = append(rate, float64(len(l))/took.Seconds())
			// The time of the warm-up is in it, and so are its messages.
			cpu = append(cpu, micros(t.cpu()-before)/float64(len(l))/1.1)
			p50 = append(p50, micros(l.quantile(.5)))
			p99 = append(p99, micros(l.quantile(.99)))
			p999 = append(p999, micros(l.quantile(.999)))
		}
		workload := fmt.Sprintf("echo to %d", n)
		r.add(t, workload, "p50", 0, "µs", p50...)
		r.add(t, workload, "p99", 0, "µs", p99...)
		r.add(t, workload, "p99.9", 0, "µs", p999...)
		if n > 1 {
			r.add(t, workload, "rate", 0, "/s", rate...)
			r.addCPU(t, workload, "server CPU", 0, "µs/message", cpu...)
		}
	}
	return nil
}

// addCPU is add for what can be told only of a known process.
func (r *suite) addCPU(t *target, workload, metric string, size int, unit string, values ...float64) {
	if t.pid != 0 {
		r.add(t, workload, metric, size, unit, values...)
	}
}

// shouts is how many broadcasts are measured: the median counts.
const shouts = 7

// connections measures connections that come, sit there, and hear broadcasts.
func (r *suite) connections(ctx context.Context, t *target, n int) error {
	base, before, baseMemory := t.rss(), t.cpu(), t.memory(true)
	f, err := newFleet(t.addr, t.path)
	if err != nil {
		return err
	}
	defer f.close()
	wait := t.profile(r.profiles, "profile", fmt.Sprint("connect-", n), 1+n/12_000)
	took, err := f.enter(ctx, n, ownTopic)
	if err != nil {
		return err
	}
	r.add(t, "connect and join", "rate", n, "/s", float64(n)/took.Seconds())
	r.addCPU(t, "connect and join", "server CPU", n, "µs each", micros(t.cpu()-before)/float64(n))
	wait()
	if _, err := f.all(ctx, func(int) string { return heartbeat }); err != nil {
		return err
	}
	one := r.resident(ctx, t, f, "idle connection, 1 channel", base)
	took, err = f.all(ctx, func(id int) string { return joinMessage(2, secondTopic(id)) })
	if err != nil {
		return err
	}
	r.add(t, "second join", "rate", n, "/s", float64(n)/took.Seconds())
	two := r.resident(ctx, t, f, "idle connection, 2 channels", base)
	r.addCPU(t, "second channel", "RSS", n, "B", two-one)
	if err := r.fanOut(ctx, t, f); err != nil {
		return err
	}
	if m := t.memory(true); m.Heap > 0 {
		r.add(t, "idle connection, 3 channels", "live heap", n, "B", float64(m.Heap-baseMemory.Heap)/float64(n))
		r.add(t, "idle connection, 3 channels", "stacks", n, "B", float64(m.Stacks-baseMemory.Stacks)/float64(n))
	}
	t.profile(r.profiles, "heap", fmt.Sprint("idle-", n), 0)()
	return nil
}

// resident waits, and looks at the memory of the server.
func (r *suite) resident(ctx context.Context, t *target, f *fleet, workload string, base int64) float64 {
	if t.pid == 0 {
		return 0
	}
	f.drive(ctx, r.settle, func() bool { return false })
	each := float64(t.rss()-base) / float64(len(f.clients))
	r.add(t, workload, "RSS", len(f.clients), "B", each)
	return each
}

// fanOut has all clients join one topic, and measures broadcasts to it.
func (r *suite) fanOut(ctx context.Context, t *target, f *fleet) error {
	n := len(f.clients)
	if _, err := f.all(ctx, func(int) string { return joinMessage(3, commonTopic) }); err != nil {
		return err
	}
	for _, burst := range []int{1, 10} {
		wait := t.profile(r.profiles, "profile", fmt.Sprintf("fanout%d-%d", burst, n), 1+burst*n/50_000)
		var firsts, lasts, rates, cpu []float64
		deliveries := float64(burst * n)
		started := t.cpu()
		for range shouts {
			before := t.cpu()
			first, last, err := f.shout(ctx, burst, commonTopic, 3)
			if err != nil {
				return err
			}
			firsts, lasts = append(firsts, millis(first)), append(lasts, millis(last))
			rates = append(rates, deliveries/last.Seconds())
			cpu = append(cpu, micros(t.cpu()-before)/deliveries)
		}
		used := t.cpu() - started
		wait()
		workload := "shout"
		if burst == 1 {
			r.add(t, workload, "last receiver", n, "ms", lasts...)
			r.add(t, workload, "first receiver", n, "ms", firsts...)
		} else {
			workload = fmt.Sprintf("%d shouts", burst)
			r.add(t, workload, "deliveries", n, "/s", rates...)
		}
		r.addCPU(t, workload, "server CPU", n, "µs/delivery", cpu...)
		if used > 0 { // the kernel counts in ticks: a few deliveries take none
			r.addCPU(t, workload, "deliveries per CPU second", n, "/s", shouts*deliveries/used.Seconds())
		}
	}
	return nil
}

// companions is how many clients are on a topic with the slow reader.
const companions = 20

// slowReader measures what a client that does not read costs the others. Only
// servers that count whom they close take part.
func (r *suite) slowReader(ctx context.Context, t *target, _ int) error {
	if t.name != report.Troupe && t.name != parked {
		return nil
	}
	f, err := newFleet(t.addr, t.path)
	if err != nil {
		return err
	}
	defer f.close()
	if _, err := f.enter(ctx, companions, func(int) string { return commonTopic }); err != nil {
		return err
	}
	var with, without latencies
	var closed, ratios []float64
	for round := range uint64(r.slowRounds) {
		// The server is asked in both halves alike, or asking would be part of the
		// difference.
		begin := time.Now()
		next, slow := begin, round
		look := func() {
			if now := time.Now(); now.After(next) {
				next = now.Add(100 * time.Millisecond)
				slow = t.memory(false).Slow
			}
		}
		calm, err := f.flood(ctx, commonTopic, r.flood, func() bool { look(); return false })
		if err != nil {
			return err
		}
		deaf, err := f.enterDeaf(ctx, commonTopic)
		if err != nil {
			return err
		}
		begin = time.Now()
		disturbed, err := f.flood(ctx, commonTopic, limit, func() bool { look(); return slow > round })
		if err != nil {
			return err
		}
		if slow == round {
			return errors.New("the slow reader was not closed")
		}
		f.drop(deaf)
		closed = append(closed, time.Since(begin).Seconds())
		ratios = append(ratios, micros(disturbed.quantile(.99))/micros(calm.quantile(.99)))
		with, without = append(with, disturbed...), append(without, calm...)
	}
	slices.Sort(with)
	slices.Sort(without)
	r.add(t, slowReader, "closed after", 0, "s", closed...)
	r.add(t, slowReader, "others' p99 without it", 0, "µs", micros(without.quantile(.99)))
	r.add(t, slowReader, "others' p99 with it", 0, "µs", micros(with.quantile(.99)))
	r.add(t, slowReader, "others' p99, with to without", 0, "×", ratios...)
	return nil
}
