package nats

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// subjects are those of the messages between adapters:
//
//	<prefix>.<part>.<from>           to all nodes
//	<prefix>.to.<node>.<part>.<from> to one node
//	<prefix>.on.<topic>.<from>       to the nodes that want the topic, which stands by its hash
//	<prefix>.on.node.<from>          to all nodes that know of the line above
//
// A part is one of the topics, or what the message is besides. The sender is the last token
// of each, so that permissions of NATS can bind it.
type subjects struct {
	prefix, self string
	own          string // what the subjects of this node only have behind the prefix
	all          [shardCount]string
	names        senders // of the goroutine that sorts
}

// Parts that are not topics.
const (
	partBeat  = "beat"
	partAsk   = "ask"   // by a node that joins: is there one of its name?
	partAlive = "alive" // the answer
	partNode  = "node"  // what a node says of itself, behind "on"
)

// isSubject reports whether a subject can begin so: tokens with dots between that NATS does not
// take for wildcards.
func isSubject(prefix string) bool {
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" || strings.ContainsFunc(token, func(r rune) bool {
			return r <= ' ' || r == 0x7f || r == '*' || r == '>'
		}) {
			return false
		}
	}
	return true
}

func newSubjects(prefix, node string) *subjects {
	s := &subjects{prefix: prefix, self: subjectToken(node), names: make(senders)}
	s.own = "to." + s.self + "."
	for i := range s.all {
		s.all[i] = s.toAll(strconv.Itoa(i))
	}
	return s
}

func (s *subjects) toAll(part string) string { return s.prefix + "." + part + "." + s.self }

func (s *subjects) toNode(node, part string) string {
	return s.prefix + ".to." + subjectToken(node) + "." + part + "." + s.self
}

func (s *subjects) toSelf(part string) string {
	return s.prefix + ".to." + s.self + "." + part + "." + s.self
}

func (s *subjects) toTopic(h topicHash) string { return s.prefix + ".on." + h.token() + "." + s.self }
func (s *subjects) toNodes() string            { return s.prefix + ".on.node." + s.self }

// ofTopic, ofTopics and ofNodes match what is sent to the nodes that want a topic or any, and
// what these say of themselves. The second one matches that as well.
func (s *subjects) ofTopic(h topicHash) string { return s.prefix + ".on." + h.token() + ".*" }
func (s *subjects) ofTopics() string           { return s.prefix + ".on.*.*" }
func (s *subjects) ofNodes() string            { return s.prefix + ".on.node.*" }

// ofAll and ofSelf match what all and what this node only are sent. The two do not meet: the
// former has two tokens behind the prefix.
func (s *subjects) ofAll() string  { return s.prefix + ".*.*" }
func (s *subjects) ofSelf() string { return s.prefix + ".to." + s.self + ".*.*" }

// class is what kind of subject a message has.
type class byte

const (
	toAll class = iota
	toOne
	toTopic // or to the nodes that know of these
)

// parse takes apart a subject that one of these matches.
func (s *subjects) parse(subject string) (c class, part, from string, ok bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix)
	if !ok || rest == "" || rest[0] != '.' {
		return 0, "", "", false
	}
	rest = rest[1:]
	if own, is := strings.CutPrefix(rest, s.own); is && strings.Count(own, ".") == 1 {
		rest, c = own, toOne
	} else if own, is := strings.CutPrefix(rest, "on."); is && strings.Count(own, ".") == 1 {
		rest, c = own, toTopic
	}
	part, token, _ := strings.Cut(rest, ".")
	from, ok = s.names.of(token)
	return c, part, from, ok
}

// senders are the names of nodes by their tokens, as they have been met.
type senders map[string]string

// of returns the name that has the token. It is called for each message.
func (s senders) of(token string) (name string, ok bool) {
	if name, ok = s[token]; ok {
		return name, true
	}
	b, err := hex.DecodeString(token)
	if err != nil || len(b) == 0 || len(b) > maxName {
		return "", false
	}
	if len(s) >= maxPeers { // others can send under any number of names
		clear(s)
	}
	name = string(b)
	s[strings.Clone(token)] = name
	return name, true
}

// shardNamed returns the part of the topics that has the name in subjects.
func shardNamed(part string) (int, bool) {
	if len(part) == 0 || len(part) > 2 || part[0] == '0' && len(part) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(part) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n < shardCount
}

func shardOf(topic string) int {
	h := uint32(2166136261) // FNV-1a
	for i := range len(topic) {
		h = (h ^ uint32(topic[i])) * 16777619
	}
	return int(h % shardCount)
}
