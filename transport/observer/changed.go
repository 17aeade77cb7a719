package observer

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

// A page is pushed "changed" when the tree that it shows has changed:
//
//	{now, nodes: [{parent, node}], gone: [goneNode], restarted: [restarted], counts: {pid: number}}
//
// Nodes are new, or are not as they were; what is in them goes for all pages, and the numbers
// of their children, which depend on what a page has heard of, are in counts. So whatever has
// happened is put into words once, however many pages show it; and those that show the same,
// as most do, get the same bytes.

// goneNode is an actor that has ended.
type goneNode struct {
	PID     string `json:"pid"`
	Parent  string `json:"parent"`
	At      int64  `json:"at"`
	Reason  string `json:"reason"`
	Crashed bool   `json:"crashed"`
}

// restarted tells that a supervisor has restarted a child.
type restarted struct {
	Supervisor string `json:"supervisor"`
	ID         string `json:"id"`
	Old        string `json:"old"`
	New        string `json:"new"`
	At         int64  `json:"at"`
	Reason     string `json:"reason"`
}

// told returns how a page is told of an end or a restart, in JSON.
func (c *change) told(life context.Context) []byte {
	c.once.Do(func() {
		var v any = goneNode{
			PID: c.pid.String(), Parent: text.PID(c.parent), At: c.at.UnixMilli(),
			Reason: query.ReasonText(life, c.reason), Crashed: c.crashed,
		}
		if c.kind == hasRestarted {
			v = restarted{
				Supervisor: text.PID(c.parent), ID: text.Line(c.child), Old: text.PID(c.old), New: text.PID(c.pid),
				At: c.at.UnixMilli(), Reason: query.ReasonText(life, c.reason),
			}
		}
		c.text, _ = json.Marshal(v) // it has texts and numbers
	})
	return c.text
}

// flush pushes what has happened.
func (p *page) flush(c *ws.Channel) error {
	w := p.watch.Load()
	if w == nil {
		return nil
	}
	n := w.collect()
	isNews := n.size() > 0 || len(n.counts) > 0
	if n.lost || isNews && p.isBehind() {
		p.stopWatching(w)
		return c.Push("reset", nil)
	}
	if n.orphans {
		p.ref.SendAfter(orphanedFor, orphaned{w})
	}
	if !isNews {
		return nil
	}
	p.flushed = time.Now()
	b := p.bulletin(n)
	for _, s := range b.shown {
		w.told[s.pid] = s.now
	}
	return c.Push("changed", b.text)
}

const (
	// settleFor is how long a page waits for more when something happens: a crash and its restart
	// are told together. gatherFor is the time from one message to the next while there is more.
	settleFor = 10 * time.Millisecond
	gatherFor = 40 * time.Millisecond
)

// gathers returns how long it is until the page is told of what has just happened.
func (p *page) gathers() time.Duration {
	return max(settleFor, gatherFor-time.Since(p.flushed))
}

// orphanedFor is how long an actor may live when its parent has ended for the page to show
// it in its former place.
const orphanedFor = time.Second

// maxBehind is how much may wait for a page for it to be told of changes. One that reads too
// slowly is told nothing more until it has asked for the tree anew.
const maxBehind = 256 << 10

// isBehind reports whether the page does not read as fast as it is told.
func (p *page) isBehind() bool {
	connection, ok := p.run.endpoint.Connection(p.ref.PID().Parent())
	return ok && connection.QueueBytes > maxBehind
}

// bulletin returns what the page is told of the news.
func (p *page) bulletin(n news) *bulletin {
	if b := p.run.feed.bulletins.find(n); b != nil {
		return b
	}
	b := &bulletin{news: n, at: time.Now()}
	var m changes
	ended := map[actor.PID]bool{}
	for _, e := range n.gone {
		ended[e.pid] = true
		m.gone = appendItem(m.gone, e.told(p.life))
	}
	for _, e := range n.restarted {
		m.restarted = appendItem(m.restarted, e.told(p.life))
	}
	for _, e := range n.added {
		if !ended[e.pid] {
			b.shown = append(b.shown, shownChild{e.parent, e.pid, lookedAt(e.pid)})
		}
	}
	p.describe(&m, b.shown)
	m.count(n.counts)
	b.text = m.payload()
	p.run.feed.bulletins.add(b)
	return b
}

// pushNodes tells the page how actors are now, of which it knows the numbers of children.
func (p *page) pushNodes(c *ws.Channel, pids map[actor.PID]int) error {
	if len(pids) == 0 {
		return nil
	}
	var m changes
	shown := make([]shownChild, 0, len(pids))
	for pid := range pids {
		parent := pid.Parent()
		if parent.Ended() {
			parent = actor.PID{}
		}
		shown = append(shown, shownChild{parent, pid, lookedAt(pid)})
	}
	p.describe(&m, shown)
	m.count(pids)
	return c.Push("changed", m.payload())
}

// shownChild is an actor in its place.
type shownChild struct {
	parent, pid actor.PID
	now         looked
}

func (p *page) describe(m *changes, shown []shownChild) {
	for i, node := range p.run.feed.descriptions.of(p.life, p.run.source, shown) {
		m.nodes = append(m.nodes, sep(m.nodes)...)
		m.nodes = append(m.nodes, `{"parent":`...)
		m.nodes = appendText(m.nodes, text.PID(shown[i].parent))
		m.nodes = append(append(append(m.nodes, `,"node":`...), node...), '}')
	}
}

// changes are the parts of a "changed" that is being made, each a list without its brackets.
type changes struct{ nodes, gone, restarted, counts []byte }

func (m *changes) count(of map[actor.PID]int) {
	for pid, n := range of {
		m.counts = append(m.counts, sep(m.counts)...)
		m.counts = append(appendText(m.counts, text.PID(pid)), ':')
		m.counts = strconv.AppendInt(m.counts, int64(n), 10)
	}
}

func (m *changes) payload() ws.Payload {
	b := make([]byte, 0, 100+len(m.nodes)+len(m.gone)+len(m.restarted)+len(m.counts))
	b = strconv.AppendInt(append(b, `{"now":`...), time.Now().UnixMilli(), 10)
	b = append(append(b, `,"nodes":[`...), m.nodes...)
	b = append(append(b, `],"gone":[`...), m.gone...)
	b = append(append(b, `],"restarted":[`...), m.restarted...)
	b = append(append(b, `],"counts":{`...), m.counts...)
	return ws.RawJSON(append(b, "}}"...))
}

func appendItem(list, item []byte) []byte { return append(append(list, sep(list)...), item...) }

// sep is what comes between a list and one more thing.
func sep(list []byte) string {
	if len(list) == 0 {
		return ""
	}
	return ","
}

// appendText appends the text of a PID in JSON: it may have the name of a node.
func appendText(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a text always can be
	return append(b, quoted...)
}

func (p *page) stopWatching(w *watch) {
	if p.watch.CompareAndSwap(w, nil) {
		p.run.feed.remove(w)
	}
}
