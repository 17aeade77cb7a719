package channels

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

// Suite is the suite of this package.
var Suite = report.Suite{Name: name, Run: run, Flags: settings.flags}

const name = "channels"

// The servers of this program, by the names of their subjects.
const (
	bareUsual = "bare, usual"
	parked    = "troupe, parked"
)

// backends are the servers that this program can be itself.
var backends = []struct {
	subject string
	start   func() (backend, error)
}{
	{report.Bare, func() (backend, error) { return newBare(true), nil }},
	{bareUsual, func() (backend, error) { return newBare(false), nil }},
	{report.Troupe, func() (backend, error) { return newTroupe(false) }},
	{parked, func() (backend, error) { return newTroupe(true) }},
}

func init() {
	child.Role(role, func(args []string) error { return serve(context.Background(), args) })
}

// The workloads, as -workload selects them.
const (
	echo        = "echo"
	connections = "connections" // they come, sit there, and hear broadcasts
	slowReader  = "slow reader"
)

const (
	// MaxConnections is the most that one server is given: where a process may have
	// 20,000 descriptors, some are needed for other things.
	MaxConnections = 19_500

	// MaxProcesses is the most servers at once. Their 117,000 clients take 40 s to
	// come even where 3,000 come in a second, as on two busy processors. Many more
	// would not all be there before the first is closed, who has said nothing for
	// the 60 s that servers wait. With the servers, the clients and the kernel's part
	// they take about 3 GB.
	MaxProcesses = 6
)

// Targets are what Troupe wants to reach beside a bare server, and in memory.
var Targets = []report.Target{
	{Workload: "idle connection, 1 channel", Metric: "RSS", Size: MaxConnections, Subjects: []string{report.Troupe}, Bound: 12 << 10},
	{Workload: "idle connection, 1 channel", Metric: "RSS", Size: MaxConnections, Subjects: []string{parked}, Bound: 8 << 10},
	{Workload: "second channel", Metric: "RSS", Size: MaxConnections, Subjects: both, Bound: 2 << 10},
	{Workload: "connect and join", Metric: "rate", Size: MaxConnections, Subjects: both, Bound: 0.8, Least: true, Of: report.Bare},
	{Workload: "echo to 100", Metric: "rate", Subjects: both, Bound: 0.8, Least: true, Of: report.Bare},
	{Workload: "echo to 100", Metric: "p99", Subjects: both, Bound: 1.2, Of: report.Bare},
	{Workload: "shout", Metric: "last receiver", Size: MaxConnections, Subjects: both, Bound: 1.15, Of: report.Bare},
	{Workload: "10 shouts", Metric: "deliveries", Size: MaxConnections, Subjects: both, Bound: 0.85, Least: true, Of: report.Bare},
	{Workload: slowReader, Metric: "others' p99, with to without", Subjects: both, Bound: 1.5},
}

var both = []string{report.Troupe, parked}

// options are the settings that only this suite has.
type options struct {
	servers   string // subjects, separated by semicolons; all of ours if empty
	url       string // one more server to measure
	pid       int    // its process; 0: its memory and CPU time are unknown
	size      int    // the only number of connections; 0: the usual ones
	processes int    // how many servers share the workload connections; 0: one
	profiles  string // a directory for profiles of our servers; none if empty
}

var settings options

func (o *options) flags(set *flag.FlagSet) {
	set.StringVar(&o.servers, "servers", "", "channels: only these `servers`, separated by semicolons: "+strings.Join(subjects(), "; "))
	set.StringVar(&o.url, "url", "", "channels: measure this `URL`, too: a socket on a loopback port, such as http://127.0.0.1:4000/socket, whose room:* has the events echo and shout")
	set.IntVar(&o.pid, "pid", 0, "channels: the `process` behind -url, for its memory and CPU time")
	set.IntVar(&o.size, "connections", 0, "channels: idle connections, instead of 5,000 and then 19,500")
	set.IntVar(&o.processes, "processes", 1, fmt.Sprintf("channels: run the workload connections against so many server `processes` at once, at most %d, each with -connections from a process of clients of its own", MaxProcesses))
	set.StringVar(&o.profiles, "profiles", "", "channels: write CPU and heap profiles of the servers to this `directory`")
}

func subjects() []string {
	var names []string
	for _, b := range backends {
		names = append(names, b.subject)
	}
	return names
}

// plan is a run as it was asked for.
type plan struct {
	servers   []string
	external  *target       // nil: none
	sizes     []int         // connections to one server
	processes int           // servers at once, for connections
	window    time.Duration // of echoes; there are several
	settle    time.Duration // before memory is looked at
	flood     time.Duration // how long the slow reader's companions are looked at without it
	// slowRounds is how often there is a slow reader, after a while without. What it
	// makes of the others' latencies varies much from one to the next.
	slowRounds int
	profiles   string
	progress   io.Writer
	wants      func(workload string) bool
}

func (o options) plan(opts report.Options) (plan, error) {
	p := plan{
		sizes:      []int{5000, MaxConnections},
		processes:  max(1, o.processes),
		window:     3 * time.Second,
		settle:     6 * time.Second,
		flood:      2 * time.Second,
		slowRounds: 7,
		profiles:   o.profiles,
		progress:   opts.Progress,
		wants:      opts.Wants,
	}
	if opts.Quick {
		p.sizes, p.window, p.settle = []int{500}, 200*time.Millisecond, time.Second
		p.flood, p.slowRounds = time.Second, 2
	}
	if o.size != 0 {
		p.sizes = []int{o.size}
	}
	for _, n := range p.sizes {
		if n < 1 || n > MaxConnections {
			return p, fmt.Errorf("%d connections: one server gets 1 to %d", n, MaxConnections)
		}
	}
	if o.processes < 0 || o.processes > MaxProcesses {
		return p, fmt.Errorf("%d processes: there are 1 to %d", o.processes, MaxProcesses)
	}
	if p.processes > 1 && o.url != "" {
		return p, errors.New("-processes: the server of -url is one")
	}
	if p.progress == nil {
		p.progress = io.Discard
	}
	if p.servers = subjects(); o.servers != "" {
		p.servers = nil
		for s := range strings.SplitSeq(o.servers, ";") {
			if s = strings.TrimSpace(s); !slices.Contains(subjects(), s) {
				return p, fmt.Errorf("no server %q, only %s", s, strings.Join(subjects(), "; "))
			}
			p.servers = append(p.servers, s)
		}
	}
	if o.url != "" {
		var err error
		if p.external, err = external(o.url, o.pid); err != nil {
			return p, err
		}
	}
	return p, nil
}

func run(ctx context.Context, opts report.Options) ([]report.Row, error) {
	p, err := settings.plan(opts)
	if err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// Connections makes one pass over connections to a Troupe server, n of them, for the
// suite scale: what each costs. The error is errors.ErrUnsupported where this suite
// does not run.
func Connections(ctx context.Context, n int) ([]report.Sample, error) {
	if n < 1 || n > MaxConnections {
		return nil, fmt.Errorf("%d connections: one server gets 1 to %d", n, MaxConnections)
	}
	return onePass(ctx, report.Troupe, n)
}

var errNotLoopback = errors.New("not a loopback address: this is no tool to load the servers of others with")
