package nats

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// MemberState is what a node knows of another one.
type MemberState int

// What a node may be for the others.
const (
	Up      MemberState = iota // heard of in the last five seconds
	Leaving                    // it has said that it leaves
	Down                       // not heard of: it has crashed, hangs, or one of the two is cut off
)

// String returns the state in lower case.
func (s MemberState) String() string {
	switch s {
	case Up:
		return "up"
	case Leaving:
		return "leaving"
	case Down:
		return "down"
	}
	return "invalid"
}

// Member is another node, as this one knows it.
type Member struct {
	Name        string
	Incarnation uint64 // random: the node from one Join to the next Leave
	State       MemberState
	Since       time.Time // when it came to be in that state, or was first heard of
	Lost        uint64    // its messages that were lost on their way here
	Version     int       // of what goes between nodes: the highest that it understands, as far as it has said
}

// MemberChanged is an event: another node has joined, leaves, is down, or is back.
type MemberChanged struct {
	Node   string // this one
	Member Member
	Back   bool // it was Down before, and is the same as then
}

// ActorEvent implements [actor.Event].
func (MemberChanged) ActorEvent() {}

// TwinSeen is an event: two nodes have one name, which has to be mended by renaming one. Each
// hears the messages of the other; presence and names take them for one node.
type TwinSeen struct {
	Node string // this one
	Name string // of the two; this node's own, perhaps
}

// ActorEvent implements [actor.Event].
func (TwinSeen) ActorEvent() {}

// peers are the other nodes.
type peers struct {
	node    string // this one
	times   times
	emit    func(actor.Event) // does not wait
	suspect func()            // has it told that something may be missing; does not wait
	roster  *roster

	// former is how many of them do not understand a version: while there are some, nothing
	// is sent that is of it.
	former [latestVersion + 1]atomic.Int32

	mu     sync.Mutex
	list   map[string]*peer // by name
	joined time.Time        // when this one was about to say hello, last
	away   bool             // it was cut off before that
	twin   bool             // there is another node of this one's name, and that has been told
	ticked time.Time
}

// peer is another node.
type peer struct {
	Member
	former uint64 // the incarnation before
	twin   bool   // it is known that there are two
	met    bool   // a beat of it has come
	heard  time.Time
	sent   series // to all
	direct series // to this node
	until  mark
}

// mark is how many messages a peer had sent to those that want their topics when it said so
// last, and when it had said so before that: what it has begun to send since then was known
// here to be more.
type mark struct {
	published uint64
	at        time.Time
	before    time.Time // zero if it has not
}

// count counts a peer as it is, and discount takes that back. One that leaves does not matter.
func (ps *peers) count(p *peer)    { ps.add(p, 1) }
func (ps *peers) discount(p *peer) { ps.add(p, -1) }

func (ps *peers) add(p *peer, n int32) {
	if p.State == Leaving {
		return
	}
	for version := p.Version + 1; version <= latestVersion; version++ {
		ps.former[version].Add(n)
	}
}

// understand reports whether all peers that are known understand a version.
func (ps *peers) understand(version int) bool { return ps.former[version].Load() == 0 }

// understands notes the version of a peer.
func (ps *peers) understands(p *peer, version int) {
	if p.Version < version {
		ps.discount(p)
		p.Version = version
		ps.count(p)
	}
}

// announced notes what a node says of itself.
func (ps *peers) announced(from string, a announcement) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.meet(from, a.incarnation); p != nil {
		ps.understands(p, int(a.version))
		p.until = mark{published: a.published, at: time.Now(), before: p.until.at}
	}
}

// arrived notes that something has come for those that want a topic. It returns how many
// messages before it have not come, and how many of its own are new and wanted, the last ones.
func (ps *peers) arrived(from string, h topicHash, f topicFrame, rs *routes) (lacking, fresh uint64, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.meet(from, f.incarnation)
	if p == nil {
		if rs.wants(h) {
			fresh = f.more + 1
		}
		return 0, fresh, nil
	}
	ps.understands(p, topicVersion)
	if lacking, fresh, err = rs.arrived(from, h, f, p.until); err == nil {
		p.Lost += lacking
	}
	return lacking, fresh, err
}

// series are the messages of a peer.
type series struct {
	last  numbers // of the latest ones
	whole bool    // it is known what there was before the first one: its beat has said so
}

// maxPeers is how many other nodes are known. What others send is received, and not counted.
const maxPeers = 4096

// maxJump is by how much a number may be larger than the one before.
const maxJump = 1 << 40

// message notes that a message has come. It returns how many before it have not, and whether
// it is new.
func (ps *peers) message(from string, f frame, shard int, direct bool) (lacking uint64, fresh bool, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.meet(from, f.incarnation)
	if p == nil || f.number == 0 {
		return 0, true, nil
	}
	list := &p.sent
	if direct {
		list = &p.direct
	}
	if lacking, fresh, err = list.message(shard, f.number); err != nil {
		return 0, false, err
	}
	p.Lost += lacking
	return lacking, fresh, nil
}

// message notes the number of a message that has come.
func (l *series) message(shard int, n uint64) (lacking uint64, fresh bool, err error) {
	last := l.last[shard]
	switch known := l.whole || last > 0; {
	case n <= last:
		return 0, false, nil
	case known && n-last > maxJump:
		return 0, false, errFrame
	case known:
		lacking = n - last - 1
	}
	l.last[shard] = n
	return lacking, true, nil
}

// told notes a beat. It returns how many messages have not come, by part of the topics, and
// whether others may not have come either: the node was there before it was heard.
func (ps *peers) told(from string, b beat, direct bool) (lacking numbers, strange bool, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.meet(from, b.incarnation)
	if p == nil {
		return lacking, false, nil
	}
	// The first that others hear of a node is its hello, and the first that a node hears of
	// others is their answer to its own, which is to it alone. They take their time for it, and
	// may have told all of them before.
	// After a cut they may have told all of them long before, and so may one that says hello because
	// it was cut off, too.
	answers := time.Since(ps.joined) <= ps.times.answer
	strange = !p.met && (b.kind == beatHere && !direct && !answers || b.kind != beatLeaves && ps.away && answers)
	p.met = true
	if b.kind == beatLeaves && p.State != Leaving {
		ps.change(p, Leaving, false)
	}
	if lacking, err = p.sent.upTo(b.sent); err != nil {
		return numbers{}, strange, err
	}
	if direct {
		more, err := p.direct.upTo(b.direct)
		if err != nil {
			return lacking, strange, err
		}
		for shard, n := range more {
			lacking[shard] += n
		}
	}
	for _, n := range lacking {
		p.Lost += n
	}
	return lacking, strange, nil
}

// again notes that this node is about to say hello after a cut.
func (ps *peers) again() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.joined, ps.away = time.Now(), true
}

// upTo notes what a beat says has been sent.
func (l *series) upTo(sent numbers) (lacking numbers, err error) {
	last := l.last // l stays as it is if there is an error
	for shard, n := range sent {
		known := l.whole || last[shard] > 0
		switch {
		case n <= last[shard]:
			continue
		case known && n-last[shard] > maxJump:
			return numbers{}, errFrame
		case known:
			lacking[shard] = n - last[shard]
		}
		last[shard] = n
	}
	l.last, l.whole = last, true
	return lacking, nil
}

// meet returns the peer that speaks, or nil if it is not to be counted.
func (ps *peers) meet(name string, incarnation uint64) *peer {
	now, p := time.Now(), ps.list[name]
	switch {
	case name == ps.node:
		if !ps.twin {
			ps.twin = true
			ps.emit(TwinSeen{ps.node, name})
		}
		return nil
	case p == nil && len(ps.list) >= maxPeers:
		return nil
	case p != nil && p.Incarnation == incarnation:
		if now.Sub(p.heard) > ps.times.gap {
			ps.suspect()
		}
		p.heard = now
		if p.State == Down {
			ps.change(p, Up, true)
		}
		return p
	case p != nil && p.former == incarnation && p.State == Up: // else it is the one of two that is left
		if !p.twin {
			p.twin = true
			ps.emit(TwinSeen{ps.node, name})
		}
		return nil
	}
	next := &peer{Member: Member{Name: name, Incarnation: incarnation, Version: frameVersion}, heard: now}
	if p != nil { // it was started anew
		next.former = p.Incarnation
		ps.discount(p)
	}
	ps.list[name] = next
	ps.count(next)
	ps.change(next, Up, false)
	return next
}

// change has a peer be in another state.
func (ps *peers) change(p *peer, state MemberState, back bool) {
	ps.discount(p)
	p.State, p.Since = state, time.Now()
	ps.count(p)
	ps.roster.change()
	ps.emit(MemberChanged{ps.node, p.Member, back})
}

// tick looks for peers that have gone silent. If this node has been held up itself, it has
// not heard them for that long, whatever they have said.
func (ps *peers) tick(now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	late := now.Sub(ps.ticked) - ps.times.beat
	if late < ps.times.beat {
		late = 0
	}
	ps.ticked = now
	for name, p := range ps.list {
		p.heard = p.heard.Add(late)
		switch silence := now.Sub(p.heard); {
		case silence > ps.times.forget, p.State == Leaving && silence > ps.times.down:
			ps.discount(p)
			delete(ps.list, name)
		case silence > ps.times.down && p.State == Up:
			ps.change(p, Down, false)
		}
	}
}

func (ps *peers) members() []Member {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := make([]Member, 0, len(ps.list))
	for _, p := range ps.list {
		all = append(all, p.Member)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
