package actor

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"
)

// dumper gets the stacks of goroutines, which stops the world for some 5 µs for each
// goroutine that there is.
type dumper struct {
	mu    sync.Mutex
	taken time.Time     // when the last one was over that take got
	last  time.Time     // when the last one of all was
	took  time.Duration // the last one
}

const (
	dumpEvery     = time.Second
	dumpShare     = 100  // of the time one part may be spent with dumps that are asked for
	maxGoroutines = 5000 // that may be there
)

// take returns the stacks of the goroutines that run the given actors. Those that
// cannot be told apart are left out, and all are if it is too soon or would take too
// long.
func (d *dumper) take(of ...*process) map[*process]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.taken.IsZero() && time.Since(d.taken) < dumpEvery || runtime.NumGoroutine() > maxGoroutines {
		return nil
	}
	stacks := d.dump(of...)
	d.taken = d.last
	return stacks
}

// ask is take for somebody that looks on, and hears why there is no stack. Those that ask
// often keep each other waiting, and do not take the stack from a record of the log.
func (d *dumper) ask(of *process) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := runtime.NumGoroutine(); n > maxGoroutines {
		return "", fmt.Errorf("%d goroutines would have to be stopped, which is more than %d", n, maxGoroutines)
	}
	if wait := dumpShare*d.took - time.Since(d.last); wait > 0 {
		return "", fmt.Errorf("all goroutines have been stopped for one just now: ask again in %v", wait.Round(time.Millisecond))
	}
	return d.dump(of)[of], nil
}

func (d *dumper) dump(of ...*process) map[*process]string {
	began := time.Now()
	stacks := runnerStacks(of...)
	d.last = time.Now()
	d.took = d.last.Sub(began)
	return stacks
}

func runnerStacks(of ...*process) map[*process]string {
	buf := make([]byte, max(1<<20, runtime.NumGoroutine()<<11))
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < 1<<26 {
		buf = make([]byte, 4*n)
		n = runtime.Stack(buf, true)
	}
	// The address alone would not do: it may turn up elsewhere, for example in
	// the stack of the goroutine that abandons the actor.
	byFrame := make(map[string]*process, len(of))
	for _, p := range of {
		byFrame[fmt.Sprintf("%p", p)] = p
	}
	stacks := make(map[*process]string, len(of))
	for stack := range bytes.SplitSeq(buf[:n], []byte("\n\n")) {
		if m := runnerFrame.FindSubmatch(stack); m != nil && byFrame[string(m[1])] != nil {
			stacks[byFrame[string(m[1])]] = string(stack)
		}
	}
	return stacks
}

var runnerFrame = regexp.MustCompile(`(?m)^\S*/actor\.serve\((0x[0-9a-f]+)\b`)
