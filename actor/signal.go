package actor

// A signal is what reaches an actor in the order of its messages but is none of
// them: an exit that it traps, a monitor's down, a request to stop.
type signal interface{ isSignal() }

type exitSignal struct {
	from *process // nil: sent from outside of any actor
	end  *doom    // the reason, judged
	link *link    // over which it came; nil if it was sent by Exit
}

type downSignal struct {
	monitor *monitor
	end     *doom
}

type stopSignal struct{ end *doom }

func (exitSignal) isSignal() {}

func (downSignal) isSignal() {}

func (stopSignal) isSignal() {}

// exit delivers an exit signal that was sent by Exit to p; unlinkedBy is for
// those of links. See the matrix in OTP's rules: EXIT-1 to EXIT-10.
//
// A lethal signal acts at once, ahead of what waits in the mailbox. A trapped
// one takes its place there, so that it cannot overtake what its sender sent
// before, and stays a message if the actor stops trapping meanwhile (EXIT-10).
func (p *process) exit(s exitSignal) {
	switch {
	case s.end.reason == Kill:
		p.kill(killed())
	case p.has(trapsExits):
		if p.obeys(s) {
			p.leave()
		}
		p.typed.mark(s)
	case s.end != doomNormal || s.from == p:
		p.kill(s.end)
	}
}

// obeys reports whether an exit signal that p traps ends it all the same: it comes from
// its parent, or from the system, which stands in for a lost parent.
func (p *process) obeys(s exitSignal) bool { return s.from == p.parent || s.from == p.sys.root }
