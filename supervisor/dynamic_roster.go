package supervisor

import (
	"time"

	"github.com/troupe-go/troupe/actor"
)

// member is a child of a dynamic supervisor. There may be very many, so it holds no more
// than the supervisor needs of it.
type member struct {
	start      starter // nil if it is never needed again
	limit      Shutdown
	restart    Restart
	typ        Type
	restarting bool // a retry is on its way: a restart has failed, or must wait

	restarts uint32        // by the supervisor itself
	downAt   time.Duration // when the former incarnation was lost
	pace     *pace         // nil without back-off
}

func newMember(c Child) member {
	c = c.withDefaults()
	m := member{start: c.starter(), limit: c.Shutdown, restart: c.Restart, typ: c.Type}
	if m.restart == Temporary {
		m.start = nil // let go of what it refers to
	} else {
		m.pace = newPace(c.Backoff)
	}
	return m
}

// info returns what is listed of the member.
func (m member) info(pid actor.PID) ChildInfo {
	info := ChildInfo{PID: pid, Type: m.typ, Restarts: int(m.restarts)}
	if m.restarting {
		info.PID, info.Restarting = actor.PID{}, true
	}
	return info
}

// roster makes all decisions of a dynamic supervisor. Like [policy], it is a state
// machine without a clock or an effect. It knows a child by its PID, and one that is being
// restarted by its former PID.
type roster struct {
	members     map[actor.PID]member
	max         int // 0: any number
	budget      budget
	supervisors int // how many of the members are supervisors
	restarting  int // how many of the members are being restarted
}

func newRoster(s DynamicSpec) *roster {
	return &roster{
		members: make(map[actor.PID]member),
		max:     s.MaxChildren,
		budget:  newBudget(s.Intensity, s.Period),
	}
}

// mayAdd says whether there is room for one more (DYN-2).
func (r *roster) mayAdd() error {
	if r.max > 0 && len(r.members) >= r.max {
		return ErrMaxChildren
	}
	return nil
}

func (r *roster) add(pid actor.PID, m member) {
	r.members[pid] = m
	if m.typ == TypeSupervisor {
		r.supervisors++
	}
	if m.restarting {
		r.restarting++
	}
}

func (r *roster) remove(pid actor.PID, m member) {
	delete(r.members, pid)
	if m.typ == TypeSupervisor {
		r.supervisors--
	}
	if m.restarting {
		r.restarting--
	}
}

// memberDecision is what to do about a member's end or about a retry.
type memberDecision struct {
	report  bool // the end is worth a report
	restart bool // start the member again, and then call restarted or restartFailed
	verdict verdict
	wait    time.Duration // if not 0, a retry is due after that
}

// exited decides what follows when a member has ended by itself. It reports false
// if there is no such member.
func (r *roster) exited(pid actor.PID, clean bool, now time.Duration) (member, memberDecision, bool) {
	m, known := r.members[pid]
	if !known || m.restarting {
		return m, memberDecision{}, false
	}
	d := memberDecision{}
	if m.restart.wanted(clean) {
		m.downAt = now
		r.members[pid] = m
		if d.wait = m.pace.ended(now); d.wait > 0 {
			r.restartFailed(pid)
		} else {
			d = r.again(pid, m, now)
		}
	} else {
		r.remove(pid, m)
	}
	d.report = m.restart.notable(clean)
	return m, d, true
}

// retry decides what follows when the turn of a retry has come: nothing, if the member has
// been terminated in between.
func (r *roster) retry(pid actor.PID, now time.Duration) (member, memberDecision) {
	m, known := r.members[pid]
	if !known || !m.restarting {
		return m, memberDecision{}
	}
	return m, r.again(pid, m, now)
}

func (r *roster) again(pid actor.PID, m member, now time.Duration) memberDecision {
	if !r.budget.spend(now) {
		r.remove(pid, m)
		return memberDecision{verdict: intensitySpent}
	}
	return memberDecision{restart: true}
}

// restarted records that a member runs again under another PID.
func (r *roster) restarted(old, now actor.PID) {
	m := r.members[old]
	r.remove(old, m)
	m.restarting = false
	m.restarts++
	r.add(now, m)
}

// restartFailed records that a member did not start, or must wait. A retry must be
// queued.
func (r *roster) restartFailed(pid actor.PID) {
	m := r.members[pid]
	r.remove(pid, m)
	m.restarting = true
	r.add(pid, m)
}

// forget removes a member that was terminated, or did not want to start again, and returns
// it.
func (r *roster) forget(pid actor.PID) (member, error) {
	m, known := r.members[pid]
	if !known {
		return m, ErrNotFound
	}
	r.remove(pid, m)
	return m, nil
}

func (r *roster) count() Count {
	n := len(r.members)
	return Count{Specs: n, Active: n - r.restarting, Supervisors: r.supervisors, Workers: n - r.supervisors}
}
