package channels

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
)

// Where one server is all that a process can have descriptors for, more connections
// take several servers; and as a client's end takes a descriptor, too, each server
// has clients in a process of their own. This process has none then: it tells the
// others what to do, one step after another.

// clientsRole is what a process of clients is started for. Its arguments are the
// address of a server, the path of its socket and the number of clients.
const clientsRole = "channels clients"

func init() { child.Role(clientsRole, serveClients) }

// The steps of such a process, each a line that it reads.
const (
	stepEnter     = "enter"     // connect all, each with a topic of its own
	stepHeartbeat = "heartbeat" // of each
	stepJoin      = "join"      // the topic that all have in common
	stepShout     = "shout"     // to that topic, until all have heard it
)

// answer is the line that a process of clients writes after a step.
type answer struct {
	Took  time.Duration
	Error string
}

// serveClients is the process: it does the steps that it reads until stdin ends,
// which it does with the parent's life.
func serveClients(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%s: %d arguments", clientsRole, len(args))
	}
	addr, err := loopback(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	f, err := newFleet(addr, args[1])
	if err != nil {
		return err
	}
	defer f.close()
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var a answer
		if a.Took, err = f.step(context.Background(), lines.Text(), n); err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) step(ctx context.Context, name string, n int) (time.Duration, error) {
	switch name {
	case stepEnter:
		return f.enter(ctx, n, ownTopic)
	case stepHeartbeat:
		return f.all(ctx, func(int) string { return heartbeat })
	case stepJoin:
		return f.all(ctx, func(int) string { return joinMessage(2, commonTopic) })
	case stepShout:
		_, last, err := f.shout(ctx, 1, commonTopic, 2)
		return last, err
	}
	return 0, fmt.Errorf("no step %q", name)
}

// pair is a server and the process of its clients.
type pair struct {
	*target
	cmd   *exec.Cmd
	steps io.WriteCloser
	took  *json.Decoder
}

func startPair(ctx context.Context, subject string, n int) (*pair, error) {
	t, err := start(ctx, subject)
	if err != nil {
		return nil, err
	}
	p := &pair{target: t}
	p.cmd, err = child.Command(ctx, clientsRole, t.addr.String(), t.path, strconv.Itoa(n))
	if err == nil {
		p.steps, err = p.cmd.StdinPipe()
	}
	if err == nil {
		var out io.Reader
		if out, err = p.cmd.StdoutPipe(); err == nil {
			p.took = json.NewDecoder(out)
			err = p.cmd.Start()
		}
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("start clients of %q: %w", subject, err)
	}
	return p, nil
}

// stop ends both processes. Clients that are still at a step are not waited for.
func (p *pair) stop() {
	p.steps.Close()
	hurry := time.AfterFunc(time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	hurry.Stop()
	p.target.stop()
}

// do has the clients do a step, and returns the time that it took them.
func (p *pair) do(step string) (time.Duration, error) {
	if _, err := fmt.Fprintln(p.steps, step); err != nil {
		return 0, fmt.Errorf("%s: %w", step, err)
	}
	var a answer
	if err := p.took.Decode(&a); err != nil {
		return 0, fmt.Errorf("%s: the clients have died: %w", step, err)
	}
	if a.Error != "" {
		return 0, fmt.Errorf("%s: %s", step, a.Error)
	}
	return a.Took, nil
}

// pairs are all that run at a time.
type pairs []*pair

// do has all clients do a step at once, and returns the time until the last is
// through.
func (ps pairs) do(step string) (time.Duration, error) {
	start := time.Now()
	errs := make(chan error)
	for _, p := range ps {
		go func() {
			_, err := p.do(step)
			errs <- err
		}()
	}
	var err error
	for range ps {
		err = errors.Join(err, <-errs)
	}
	return time.Since(start), err
}

func (ps pairs) cpu() (d time.Duration) {
	for _, p := range ps {
		d += p.target.cpu()
	}
	return d
}

func (ps pairs) rss() (n int64) {
	for _, p := range ps {
		n += p.target.rss()
	}
	return n
}

// several measures connections to several servers at once, n to each.
func (r *suite) several(ctx context.Context, subject string, n int) error {
	var ps pairs
	defer func() {
		for _, p := range ps {
			p.stop()
		}
	}()
	for range r.processes {
		p, err := startPair(ctx, subject, n)
		if err != nil {
			return err
		}
		ps = append(ps, p)
	}
	all := r.processes * n
	t, workload := ps[0].target, fmt.Sprintf("%d servers", r.processes)
	base, before := ps.rss(), ps.cpu()
	took, err := ps.do(stepEnter)
	if err != nil {
		return err
	}
	r.add(t, workload, "connect and join, rate of all", all, "/s", float64(all)/took.Seconds())
	r.add(t, workload, "connect and join, server CPU", all, "µs each", micros(ps.cpu()-before)/float64(all))
	if _, err := ps.do(stepHeartbeat); err != nil {
		return err
	}
	select {
	case <-time.After(r.settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	r.add(t, workload, "RSS for each connection", all, "B", float64(ps.rss()-base)/float64(all))
	if _, err := ps.do(stepJoin); err != nil {
		return err
	}
	var each, together []float64
	for _, p := range ps { // one after the other: they share the processors
		var lasts []float64
		for range shouts {
			last, err := p.do(stepShout)
			if err != nil {
				return err
			}
			lasts = append(lasts, millis(last))
		}
		slices.Sort(lasts)
		each = append(each, lasts[len(lasts)/2])
	}
	for range shouts {
		took, err := ps.do(stepShout)
		if err != nil {
			return err
		}
		together = append(together, millis(took))
	}
	r.add(t, workload, "shout in one of them, last receiver", all, "ms", each...)
	r.add(t, workload, "shout in each at once, last receiver", all, "ms", together...)
	return nil
}
