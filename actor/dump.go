package actor

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"
)

// dumper gets the stacks of stuck goroutines, which stops the world for some 5 µs for
// each goroutine that there is.
type dumper struct {
	mu   sync.Mutex
	last time.Time
}

const (
	dumpEvery     = time.Second
	maxGoroutines = 5000 // that may be there
)

// take returns the stacks of the goroutines that run the given actors. Those that
// cannot be told apart are left out, and all are if it is too soon or would take too
// long.
func (d *dumper) take(of ...*process) map[*process]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.last.IsZero() && time.Since(d.last) < dumpEvery || runtime.NumGoroutine() > maxGoroutines {
		return nil
	}
	stacks := runnerStacks(of...)
	d.last = time.Now()
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
