package actors

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// Suite is the suite of this package.
var Suite = report.Suite{Name: suiteName, Run: run}

const suiteName = "actors"

// Limits on what a pass may take, so that a run ends in a bounded time with a
// bounded part of the memory.
const (
	passLimit  = 20 * time.Second
	idleLimit  = 45 * time.Second
	idleMemMax = 8 << 30
)

func run(ctx context.Context, opts report.Options) ([]report.Row, error) {
	passes, ms, fairMs, sizes := 7, 200, 400, []int{100_000, 1_000_000}
	if opts.Quick {
		passes, ms, fairMs, sizes = 3, 40, 100, sizes[:1]
	}
	s := suite{ctx: ctx, opts: opts}
	for _, w := range workloads {
		s.compare(w.name, ms, passes)
	}
	s.compare(fair, fairMs, passes)
	s.idle(sizes, passes/2)
	return s.rows, s.err
}

// suite is a run under way. After an error it does nothing more.
type suite struct {
	ctx  context.Context
	opts report.Options
	rows []report.Row
	err  error
}

// subject is what the passes of one subject give.
type subject struct {
	samples report.Samples
	last    []report.Sample
	note    string // why there will be no more
	absent  bool   // the library has no counterpart
}

// pass makes one pass, unless an earlier one of the subject has failed.
func (s *suite) pass(p pass, limit time.Duration, to *subject) {
	if s.err != nil || to.note != "" || to.absent {
		return
	}
	out, err := p.start(s.ctx, limit)
	if err != nil {
		s.err = err
		return
	}
	to.note, to.absent, to.last = out.Error, out.Absent, out.Samples
	if out.Error == "" {
		to.samples.Add(out.Samples)
	}
}

// add adds the rows of one subject.
func (s *suite) add(workload, name string, size int, from subject) {
	row := report.Row{Suite: suiteName, Workload: workload, Subject: name, Size: size, Note: from.note}
	if from.note != "" {
		s.rows = append(s.rows, row)
		return
	}
	s.rows = append(s.rows, from.samples.Rows(row)...)
}

// compare has all subjects do a workload in turn, each in every place of the
// order once, so that what changes on the machine meanwhile strikes all alike.
func (s *suite) compare(workload string, ms, passes int) {
	if !s.opts.Wants(workload) {
		return
	}
	fmt.Fprintln(s.opts.Progress, "actors:", workload)
	got := make([]subject, len(Subjects))
	for i := range passes {
		for j := range Subjects {
			k := (i + j) % len(Subjects)
			s.pass(pass{workload, Subjects[k].Name, ms}, passLimit, &got[k])
		}
	}
	for i, v := range got {
		s.add(workload, Subjects[i].Name, 0, v)
	}
}

// idle measures the memory of idle actors. A size that would take too much of it,
// or too long, by what a smaller one took, is left out.
func (s *suite) idle(sizes []int, passes int) {
	if !s.opts.Wants(idleMemory) {
		return
	}
	limit := min(idleMemMax, available()/2)
	for i, sub := range Subjects {
		var probe subject
		s.pass(pass{idleMemory, sub.Name, 5000}, passLimit, &probe)
		passes := passes
		for _, n := range sizes {
			fmt.Fprintln(s.opts.Progress, "actors: idle,", report.Count(n), sub.Name)
			v := subject{note: probe.note, absent: probe.absent}
			if v.note == "" && !v.absent && s.err == nil {
				memory := probe.last[0].Value * float64(n)
				took := time.Duration(probe.last[1].Value * float64(n))
				switch {
				case memory > float64(limit):
					v.note = fmt.Sprintf("not run at %s: it would take %.0f GB", report.Count(n), memory/(1<<30))
				case took > idleLimit:
					v.note = fmt.Sprintf("not run at %s: it would take %.0f s", report.Count(n), took.Seconds())
				}
			}
			if n >= 1_000_000 {
				passes = 1 // memory hardly varies, and this takes long
			}
			for range passes {
				s.pass(pass{idleMemory, sub.Name, n}, 2*idleLimit, &v)
			}
			s.add(idleMemory, Subjects[i].Name, n, v)
		}
	}
}

// available returns the bytes of memory that the machine has to spare.
func available() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 4 << 30
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kb, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(kb, " kB")), 10, 64)
			return n << 10
		}
	}
	return 4 << 30
}
