package actor

import "sync/atomic"

// Down tells that a monitored actor has ended.
type Down struct {
	Monitor Monitor // which of the watcher's monitors fired
	PID     PID     // the actor that ended
	Reason  error   // why; NoProc if it had ended before it was monitored

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the reason is that of a crash; see [Exit.Crashed].
func (d Down) Crashed() bool { return crashed(d.verdict, d.Reason) }

// monitor is one watcher's interest in one target.
type monitor struct {
	watcher, target *process
	state           atomic.Uint32
}

// Monitor identifies a monitor that an actor has set. It is comparable.
type Monitor struct{ m *monitor }

// Monitor asks for a [Down] when the other actor ends, whatever the reason; at
// once, with reason [NoProc], if it has ended already. Each call sets a monitor
// of its own. A monitor on oneself never fires.
func (c *Context[M]) Monitor(target PID) Monitor {
	if target.p == nil {
		target.p = c.sys.nobody
	}
	return Monitor{watch(&c.process, target.p)}
}

// Demonitor takes a monitor down. After it returns its [Down] will not be
// handled, even if it waits in the mailbox already (OTP's flush option). It
// reports whether the target was still alive to the monitor.
func (c *Context[M]) Demonitor(m Monitor) bool {
	return m.m != nil && m.m.watcher == &c.process && m.m.drop()
}

// MonitorName is Monitor for the actor that has the given name now. If none has, the
// [Down] comes at once, with reason [NoProc] and the zero PID.
//
// OTP: erlang:monitor(process, Name).
func (c *Context[M]) MonitorName(name string) Monitor {
	pid, _ := c.sys.WhereIs(name)
	return c.Monitor(pid)
}

// watch sets a monitor. If the target has ended, the monitor fires at once.
func watch(watcher, target *process) *monitor {
	m := &monitor{watcher: watcher, target: target}
	if watcher == target {
		return m // never fires
	}
	w := watcher.relations()
	w.mu.Lock()
	open := !w.closed
	if open {
		w.watching.set(m, struct{}{})
	}
	w.mu.Unlock()
	if !open {
		return m
	}
	t := target.relations()
	t.mu.Lock()
	open = !t.closed
	if open {
		t.watchers.set(m, struct{}{})
	}
	t.mu.Unlock()
	if !open {
		m.fire(judge(NoProc))
	} else if m.state.Load() == settled { // the watcher was abandoned meanwhile
		forget(target, func(r *relations) { r.watchers.delete(m) })
	}
	return m
}

// fire tells the watcher that the target has ended.
func (m *monitor) fire(end *doom) {
	if m.state.CompareAndSwap(up, fired) {
		m.watcher.typed.mark(downSignal{m, end})
	}
}

// settle ends a monitor whose signal is being handled. It reports whether the
// signal still counts: not after a Demonitor.
func (m *monitor) settle() bool {
	if !m.state.CompareAndSwap(fired, settled) {
		return false
	}
	forget(m.watcher, func(r *relations) { r.watching.delete(m) })
	return true
}

// drop takes the monitor down: it will not fire, and if it has, its signal is
// void. It reports whether it was up.
func (m *monitor) drop() bool {
	was := m.state.Swap(settled)
	forget(m.watcher, func(r *relations) { r.watching.delete(m) })
	forget(m.target, func(r *relations) { r.watchers.delete(m) })
	return was == up && m.watcher != m.target
}
