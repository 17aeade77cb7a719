package actor

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
)

// Abandon gives up on an actor that has been killed, or hit by another lethal
// signal, and whose handler does not return, since Go cannot interrupt it: the
// end is announced, with reason [Killed], while the handler still runs. The stuck
// goroutine's stack is logged and the actor counted in [System.Abandoned]. What the
// handler does from then on is outside all guarantees; its Context refuses to spawn
// and to link.
//
// It reports whether the actor was abandoned: not if it is alive or has ended.
func (p PID) Abandon() bool {
	if p.p == nil || p.p.doomed() == nil || p.p.has(ended) {
		return false
	}
	stack := runnerStacks(p.p)[p.p]
	if !p.p.abandon() {
		return false
	}
	p.p.sys.abandoned.Add(1)
	p.p.sys.log.Error("actor abandoned: it was killed, and its handler does not return",
		"pid", p, "name", p.Name(), "stack", stack)
	return true
}

// runnerStacks returns the stacks of the goroutines that run the given actors. One
// that cannot be told apart is left out. It stops the world: for emergencies only.
func runnerStacks(of ...*process) map[*process]string {
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < 1<<26 {
		buf = make([]byte, 2*n)
		n = runtime.Stack(buf, true)
	}
	// The address alone would not do: it may well turn up elsewhere, for one in
	// the stack of whoever abandons the actor.
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
