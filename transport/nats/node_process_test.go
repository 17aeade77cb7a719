//go:build unix

package nats

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// asCaptain is in the environment of a process that is a node with a singleton: its [captainNode].
const asCaptain = "TROUPE_TEST_CAPTAIN"

func init() {
	if value := os.Getenv(asCaptain); value != "" {
		var n captainNode
		err := json.Unmarshal([]byte(value), &n)
		if err == nil {
			err = n.run()
		}
		if err != nil {
			log.Fatal(err)
		}
		os.Exit(0)
	}
}

// captainNode is a program that stands by for the singleton "captain", until SIGTERM.
type captainNode struct {
	URL, Name, Cluster string
	Grace              time.Duration // that its end is given
}

// word is what such a program says, as a line of JSON.
type word struct {
	Kind  string // "began", "acts", "ended", "stopped"
	Token uint64
	At    int64 // by the clock that all programs of a machine share, before Valid was asked
	Until int64 // "acts": for how long it may, by then
	Acts  int   // "began": what it was handed; "ended": what it hands off
	Took  time.Duration
}

func (n captainNode) run() error {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() { // until the test is gone, however it ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	quiet, background := slog.New(slog.DiscardHandler), context.Background()
	node, err := Join(background, Config{
		URL: n.URL, Name: n.Name, Cluster: n.Cluster, Logger: quiet, Options: []nats.Option{nats.Timeout(patience)},
	})
	if err != nil {
		return err
	}
	sys := actor.NewSystem(actor.Config{Logger: quiet})
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{node.Child()}}); err != nil {
		return err
	}
	var ps pubsub.PubSub[string]
	if err := ps.Connect(node.Cluster(), "captains", pubsub.JSON[string]{}); err != nil {
		return err
	}
	js, err := jetstream.New(node.Conn())
	if err != nil {
		return err
	}
	// For longer than a process, or the server, is ever held up: the test says when a lease ends.
	names, err := StartNames(background, js, &ps, NamesConfig{Bucket: n.Cluster, Lease: 3 * time.Second, Logger: quiet})
	if err != nil {
		return err
	}
	names.leases.talk = n.Grace // likewise
	child := Singleton[string, int]{Names: names, Name: "captain", New: newCaptain}.Child(supervisor.Shutdown(5 * n.Grace))
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
		return err
	}
	<-terminated
	began := time.Now()
	ctx, cancel := context.WithTimeout(background, n.Grace)
	defer cancel()
	_ = sys.Shutdown(ctx) // what is not done in time, NATS being away, is no failure
	_ = names.Shutdown(ctx)
	node.Close()
	say(word{Kind: "stopped", Took: time.Since(began)})
	return nil
}

var saying = json.NewEncoder(os.Stdout)

func say(w word) { _ = saying.Encode(w) }

// captain acts again and again, for as long as it may.
type captain struct {
	tenure *Tenure
	acts   int
}

func newCaptain(t *Tenure, handed *int) actor.Behavior[string] {
	return &captain{tenure: t, acts: *cmp.Or(handed, new(int))}
}

func (c *captain) Init(ctx *actor.Context[string]) error {
	ctx.TrapExit(true)
	ctx.SendEvery(5*time.Millisecond, "act")
	say(word{Kind: "began", Token: c.tenure.Token(), At: time.Now().UnixNano(), Acts: c.acts})
	return nil
}

func (c *captain) Receive(*actor.Context[string], string) error {
	at, until := time.Now(), *c.tenure.ends.Load()
	if c.tenure.Valid() {
		c.acts++
		say(word{Kind: "acts", Token: c.tenure.Token(), At: at.UnixNano(), Until: until.UnixNano()})
	}
	return nil
}

func (c *captain) HandOff() (int, error) { return c.acts, nil }

func (c *captain) Terminate(*actor.Context[string], error) {
	say(word{Kind: "ended", Token: c.tenure.Token(), Acts: c.acts})
}

// captains are the programs of a test, and what they have said.
type captains struct {
	t       *testing.T
	url     string
	cluster string

	mu   sync.Mutex
	said []word
	news chan struct{} // closed when something is said
}

// captainProcess is one of them.
type captainProcess struct {
	*exec.Cmd
	of   *captains
	name string
	said []word // guarded by the mu of captains
	end  chan struct{}
	err  error // read when end is closed
}

func (c *captains) start(name string, grace time.Duration) *captainProcess {
	c.t.Helper()
	config, err := json.Marshal(captainNode{c.url, name, c.cluster, grace})
	if err != nil {
		c.t.Fatal(err)
	}
	p := &captainProcess{Cmd: exec.Command(os.Args[0]), of: c, name: name, end: make(chan struct{})}
	p.Env = append(os.Environ(), asCaptain+"="+string(config))
	p.Stderr = c.t.Output()
	in, err := p.StdinPipe() // open until the test ends
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	go p.listen(out)
	c.t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.end
		_ = in.Close()
	})
	return p
}

// listen notes what the process says, until it ends.
func (p *captainProcess) listen(out io.Reader) {
	defer close(p.end)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var w word
		if json.Unmarshal(lines.Bytes(), &w) != nil {
			continue // killed in the middle of it
		}
		c := p.of
		c.mu.Lock()
		c.said, p.said = append(c.said, w), append(p.said, w)
		close(c.news)
		c.news = make(chan struct{})
		c.mu.Unlock()
	}
	p.err = p.Wait()
}

// await waits until one of the processes has said what is asked for, after so many words.
func (p *captainProcess) await(what string, after int, is func(word) bool) (w word, number int) {
	c := p.of
	c.t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		news, i := c.news, slices.IndexFunc(p.said[min(after, len(p.said)):], is)
		if i >= 0 {
			w = p.said[after+i]
		}
		c.mu.Unlock()
		if i >= 0 {
			return w, after + i
		}
		select {
		case <-news:
		case <-late:
			c.t.Fatalf("waited too long for %s: %s", p.name, what)
		}
	}
}

// begins waits until the process has the captain, and it has acted for a while. It returns its first
// word.
func (p *captainProcess) begins(after int) word {
	p.of.t.Helper()
	w, at := p.await("that its captain begins", after, func(w word) bool { return w.Kind == "began" })
	for range 10 {
		_, at = p.await("that its captain acts", at+1, func(w word) bool { return w.Kind == "acts" })
	}
	return w
}

// words returns how many there have been.
func (p *captainProcess) words() int {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	return len(p.said)
}

// last returns the last act there has been.
func (p *captainProcess) last() word {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	for _, w := range slices.Backward(p.said) {
		if w.Kind == "acts" {
			return w
		}
	}
	return word{}
}

func (p *captainProcess) signal(s syscall.Signal) {
	p.of.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.of.t.Fatal(err)
	}
}

// ends waits until the process has ended.
func (p *captainProcess) ends() error {
	p.of.t.Helper()
	await(p.of.t, p.end)
	return p.err
}

// expectOneAtATime checks that no captain has acted when one with a greater token had.
func (c *captains) expectOneAtATime() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	acts := slices.DeleteFunc(slices.Clone(c.said), func(w word) bool { return w.Kind != "acts" })
	slices.SortStableFunc(acts, func(a, b word) int { return cmp.Compare(a.At, b.At) })
	for i := 1; i < len(acts); i++ {
		if before, w := acts[i-1], acts[i]; w.Token < before.Token {
			c.t.Errorf("token %d acts %v after %d has", w.Token, time.Duration(w.At-before.At), before.Token)
		}
	}
}

// GLB-1, GLB-2: over real processes and a real server, one captain acts at a time: one that is
// stopped for longer than its lease does not act when it goes on, and stands by; after kill -9
// another one begins when the lease has ended; after SIGTERM with what was handed off. Each has a
// greater token. And SIGTERM ends a process that has the captain, though NATS is away for good: how
// soon, TestSingletonIsStoppedInTimeWhileNATSIsAway and TestNamesEndInTime show.
func TestCaptainMovesBetweenProcesses(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js, err := jetstream.New(connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	c := &captains{t: t, url: s.ClientURL(), cluster: "captains", news: make(chan struct{})}
	settle(t, js, c.cluster)
	a := c.start("a", time.Minute)
	first := a.begins(0)
	b := c.start("b", time.Second)

	a.signal(syscall.SIGSTOP)
	second := b.begins(0)
	heard := a.words()
	a.signal(syscall.SIGCONT)
	a.await("that its captain ends", heard, func(w word) bool { return w.Kind == "ended" && w.Token == first.Token })

	heard = a.words()
	killed := time.Now()
	b.signal(syscall.SIGKILL)
	if err := b.ends(); err == nil {
		t.Error("kill -9 is a success")
	}
	third := a.begins(heard)
	t.Logf("taken over %v after kill -9", time.Unix(0, third.At).Sub(killed))
	if last := b.last(); third.At < last.Until {
		t.Errorf("taken over %v before the lease ended", time.Duration(last.Until-third.At))
	}

	d := c.start("d", time.Second)
	a.signal(syscall.SIGTERM)
	fourth := d.begins(0)
	gone, _ := a.await("what it hands off", 0, func(w word) bool { return w.Kind == "ended" && w.Token == third.Token })
	if fourth.Acts != gone.Acts {
		t.Errorf("handed %d acts, want %d", fourth.Acts, gone.Acts)
	}
	if err := a.ends(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	for i, w := range []word{second, third, fourth} {
		if before := []word{first, second, third}[i]; w.Token <= before.Token {
			t.Errorf("token %d after %d", w.Token, before.Token)
		}
	}

	s.Shutdown()
	s.WaitForShutdown()
	d.signal(syscall.SIGTERM)
	if err := d.ends(); err != nil {
		t.Errorf("SIGTERM while NATS is away: %v", err)
	}
	stopped, _ := d.await("that it is over", 0, func(w word) bool { return w.Kind == "stopped" })
	t.Logf("stopped in %v, of a second, while NATS was away", stopped.Took) // at most two, if the machine has time
	c.expectOneAtATime()
}
