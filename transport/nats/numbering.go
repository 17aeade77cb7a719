package nats

import (
	"maps"
	"slices"
)

// numbering is how a node numbers what it sends to those that want a topic, so that they
// notice what is missing. What it remembers of topics is bounded, and lost when nothing has
// been sent on them for a while: a series begun anew is told from the former one by its base.
type numbering struct {
	published uint64 // messages on all topics

	// Those of this while, and of the one before that are not among them.
	recent, older map[topicHash]*line

	untold []*line // of which the others are still to be told how much there was
	retold []*line // and once more, for one that has been away
	asked  bool    // that has been asked for since
	beats  int     // in this while

	told int // in how many beats
	most int // beats that a while has
}

// line is what a node sends on one topic.
type line struct {
	base, number uint64 // as in a topicFrame
	topic        string // "" if it is too long to be kept
	subject      string
	untold       int // in how many beats it is still to be told
}

// maxLines is how many topics a while has.
const maxLines = 1 << 16

// retoldAtOnce is how many topics are told of once more at a beat: others can ask without end.
const retoldAtOnce = 4096

func newNumbering(t times) *numbering {
	return &numbering{recent: make(map[topicHash]*line), told: t.told, most: t.lines}
}

// next returns the line of a topic, with the number of the next message.
func (n *numbering) next(topic string, s *subjects) *line {
	h := hashOf(topic)
	l := n.recent[h]
	if l == nil {
		if l = n.older[h]; l != nil {
			delete(n.older, h)
		} else {
			// No number of a former line is larger: each message counts once in both.
			l = &line{base: n.published, subject: s.toTopic(h)}
			if len(topic) <= missedTopic {
				l.topic = topic
			}
		}
		if len(n.recent) >= maxLines {
			n.turn()
		}
		n.recent[h] = l
	}
	n.published++
	l.number++
	if l.untold == 0 {
		n.untold = append(n.untold, l)
	}
	l.untold = n.told
	return l
}

// more counts messages that go out together with the one that next has numbered.
func (n *numbering) more(l *line, messages uint64) {
	n.published += messages
	l.number += messages
}

// turn begins a new while.
func (n *numbering) turn() {
	n.older, n.recent, n.beats = n.recent, make(map[topicHash]*line), 0
}

// tell calls f with what the others are to be told at a beat.
func (n *numbering) tell(f func(*line)) {
	again := n.untold[:0]
	for _, l := range n.untold {
		f(l)
		if l.untold--; l.untold > 0 {
			again = append(again, l)
		}
	}
	clear(n.untold[len(again):])
	n.untold = again
	n.retell(f)
	if n.beats++; n.beats >= n.most {
		n.turn()
	}
}

// again has the others told once more of all that there was in a while: one of them has been
// away. If that is under way, it follows.
func (n *numbering) again() { n.asked = true }

// retell does a part of that.
func (n *numbering) retell(f func(*line)) {
	if n.asked && len(n.retold) == 0 {
		n.asked = false
		n.retold = slices.AppendSeq(slices.Collect(maps.Values(n.recent)), maps.Values(n.older))
	}
	some := n.retold[:min(len(n.retold), retoldAtOnce)]
	for _, l := range some {
		if l.untold == 0 {
			f(l)
		}
	}
	if n.retold = n.retold[len(some):]; len(n.retold) == 0 {
		n.retold = nil
	}
}
