package nats

import (
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"strings"
)

// subjects are those of the messages between adapters:
//
//	<prefix>.<part>.<from>           to all nodes
//	<prefix>.to.<node>.<part>.<from> to one node
//
// A part is one of the topics, or what the message is besides. The sender is the last token
// of each, so that permissions of NATS can bind it.
type subjects struct {
	prefix, self string
	all          [shardCount]string
}

// Parts that are not topics.
const (
	partBeat  = "beat"
	partAsk   = "ask"   // by a node that joins: is there one of its name?
	partAlive = "alive" // the answer
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
	s := &subjects{prefix: prefix, self: subjectToken(node)}
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

// ofAll and ofSelf match what all and what this node only are sent. The two do not meet: the
// former has two tokens behind the prefix.
func (s *subjects) ofAll() string  { return s.prefix + ".*.*" }
func (s *subjects) ofSelf() string { return s.prefix + ".to." + s.self + ".*.*" }

// parse takes apart a subject that one of the two matches.
func (s *subjects) parse(subject string) (part, from string, direct, ok bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix+".")
	if !ok {
		return "", "", false, false
	}
	if own, is := strings.CutPrefix(rest, "to."+s.self+"."); is && strings.Count(own, ".") == 1 {
		rest, direct = own, true
	}
	part, token, _ := strings.Cut(rest, ".")
	name, err := hex.DecodeString(token)
	return part, string(name), direct, err == nil && len(name) > 0 && len(name) <= maxName
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
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic))
	return int(h.Sum32() % shardCount)
}
