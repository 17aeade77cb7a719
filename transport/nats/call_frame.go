package nats

import (
	"encoding/binary"
	"math"
	"time"
)

// callVersion is that of the frames of calls. A node refuses a request of another one, in a
// reply of its own; so the first two bytes of a reply mean the same in all versions.
const callVersion = 1

// requestKind says what is wanted of another node.
type requestKind byte

const (
	toCall   requestKind = 1 + iota // an answer
	toSend                          // none
	toGiveUp                        // that a call is not carried out, if it is not too late
	toProbe                         // to know whether a call is still open
)

// request is what one node asks of another. The codec's name comes behind its body, if it has
// one, and what comes behind that is ignored: later versions may have more to say. A call is told from others by the subject of its reply.
type request struct {
	kind   requestKind
	left   time.Duration // until the caller gives up; 0: it has no deadline
	name   string        // of the callee
	method string
	body   []byte
	codec  string // by which the body was made; "" if it has no name, and for JSON
}

func (q request) encode() []byte {
	b := make([]byte, 0, 2+binary.MaxVarintLen64+3*binary.MaxVarintLen32+len(q.name)+len(q.method)+len(q.body))
	b = append(b, callVersion, byte(q.kind))
	b = binary.AppendUvarint(b, uint64(max(q.left, 0)))
	b = appendString(b, q.name)
	b = appendString(b, q.method)
	return appendBody(b, q.body, q.codec)
}

// decodeRequest returns a request that keeps b. The error is ErrVersion or errFrame.
func decodeRequest(b []byte) (q request, err error) {
	switch {
	case len(b) < 2:
		return q, errFrame
	case b[0] != callVersion:
		return q, ErrVersion
	}
	q.kind = requestKind(b[1])
	left, size := binary.Uvarint(b[2:])
	if size <= 0 || left > math.MaxInt64 || q.kind < toCall || q.kind > toProbe {
		return q, errFrame
	}
	q.left = time.Duration(left)
	b = b[2+size:]
	for _, s := range []*string{&q.name, &q.method} {
		if *s, b, err = cutString(b); err != nil {
			return q, err
		}
	}
	q.body, q.codec, err = cutBody(b)
	return q, err
}

// outcome says what has come of a request.
type outcome byte

const (
	gaveValue outcome = 1 + iota // the callee's answer is the body
	gaveError                    // the callee has answered with an error
	hasEnded                     // the callee has ended meanwhile
	refused                      // by the callee's node
	isOpen                       // to a probe: there is no answer yet
	isUnknown                    // to a probe: there is no such call
)

// reply is what comes back. The error is told by its class, which is a name that all nodes
// know, and its text.
type reply struct {
	outcome outcome
	class   string
	text    string
	body    []byte
	codec   string // as that of a request
}

func (r reply) encode() []byte {
	b := make([]byte, 0, 2+3*binary.MaxVarintLen32+len(r.class)+len(r.text)+len(r.body))
	b = append(b, callVersion, byte(r.outcome))
	b = appendString(b, r.class)
	b = appendString(b, r.text)
	return appendBody(b, r.body, r.codec)
}

// decodeReply returns a reply that keeps b. The error is ErrVersion or errFrame.
func decodeReply(b []byte) (r reply, err error) {
	switch {
	case len(b) < 2:
		return r, errFrame
	case b[0] != callVersion:
		return r, ErrVersion
	}
	r.outcome = outcome(b[1])
	if r.outcome < gaveValue || r.outcome > isUnknown {
		return r, errFrame
	}
	b = b[2:]
	for _, s := range []*string{&r.class, &r.text} {
		if *s, b, err = cutString(b); err != nil {
			return r, err
		}
	}
	r.body, r.codec, err = cutBody(b)
	return r, err
}

func appendBody(b, body []byte, codec string) []byte {
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = append(b, body...)
	if codec != "" {
		b = appendString(b, codec)
	}
	return b
}

func cutBody(b []byte) (body []byte, codec string, err error) {
	body, b, err = cutBytes(b)
	if err == nil && len(b) > 0 {
		codec, _, err = cutString(b)
	}
	return body, codec, err
}
