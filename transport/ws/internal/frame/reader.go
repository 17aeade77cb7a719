package frame

import (
	"encoding/binary"
	"unicode/utf8"
)

// Kind says what a frame is.
type Kind uint8

const (
	Nothing Kind = iota // more bytes are needed
	Part                // of a message that goes on
	Text
	Binary
	Ping
	Pong
	Close
)

// Frame is what Next has found.
type Frame struct {
	Kind Kind
	// Payload is the whole message of a Text or Binary, or that of a control frame.
	// It is the caller's.
	Payload []byte
	// Size is how many bytes of payload the frame itself had.
	Size int
}

// CloseStatus returns the code and the reason of a Close; the code is 1005 if it has
// none.
func (f Frame) CloseStatus() (code int, reason string) {
	if len(f.Payload) < 2 {
		return 1005, ""
	}
	return int(binary.BigEndian.Uint16(f.Payload)), string(f.Payload[2:])
}

// Limits are what a client may send.
type Limits struct {
	Message int  // bytes of a message, before compression
	Deflate bool // messages may be compressed
}

// Reader reads the frames of one client. The zero value is ready for use. It is to be
// used by one goroutine at a time.
type Reader struct {
	state *state // nil: between two frames, and no message has begun
}

// state is what a Reader remembers of bytes that it was given.
type state struct {
	err  error // nothing is read any more
	skip bool  // messages are passed over

	head    [maxHeader]byte // of a frame that is not all there
	headLen int

	open    bool   // the payload of frame is not all there
	frame   header // of its fields, key and length are of what is to come
	size    int    // the whole length of its payload
	control []byte // its payload if it is a control frame

	message  byte // opcode of the message that has begun; 0 if none has
	deflated bool // that message is
	payload  []byte
	checked  int // so much of a text is UTF-8
}

// Pending reports whether the end of something that has begun is to come.
func (r *Reader) Pending() bool {
	s := r.state
	return s != nil && s.err == nil && (s.open || s.headLen > 0 || s.message != 0)
}

// Skip makes Next pass over messages from now on, whatever their size: their frames
// are Parts.
func (r *Reader) Skip() {
	if r.state == nil {
		r.state = new(state)
	}
	s := r.state
	s.skip = true
	s.message, s.payload = 0, nil
}

// Next reads up to the end of the first frame in b, and returns that frame and what
// follows it. A message that is not compressed to its limit, is not UTF-8 though it is
// a text, or a frame that the RFC does not allow is an [*Error], and stays one: what
// the client sends after it means nothing.
//
// The limits must be the same in each call. The Reader keeps nothing of b.
func (r *Reader) Next(b []byte, l Limits) (f Frame, rest []byte, err error) {
	if r.state != nil && r.state.err != nil {
		return Frame{}, nil, r.state.err
	}
	if f, rest, err = r.next(b, l); err != nil {
		r.state = &state{err: err} // and nothing that it held
		return Frame{}, nil, err
	}
	if s := r.state; s != nil && !s.skip && !r.Pending() {
		r.state = nil
	}
	return f, rest, nil
}

func (r *Reader) next(b []byte, l Limits) (f Frame, rest []byte, err error) {
	if r.state == nil || !r.state.open {
		h, rest, err := r.header(b)
		if rest == nil || err != nil {
			return Frame{}, nil, err
		}
		if err := r.state.check(h, l); err != nil {
			return Frame{}, nil, err
		}
		if r.state == nil && h.fin && h.length <= uint64(len(rest)) { // usually
			n := int(h.length)
			payload := make([]byte, n)
			unmask(payload, rest[:n], h.key)
			f, err = finish(h.opcode, h.deflated, payload, 0, l)
			f.Size = n
			return f, rest[n:], err
		}
		if r.state == nil {
			r.state = new(state)
		}
		r.state.begin(h)
		b = rest
	}
	return r.state.take(b, l)
}

// header reads the head of the next frame, and returns what follows it. That is nil if
// there is no whole head.
func (r *Reader) header(b []byte) (h header, rest []byte, err error) {
	s := r.state
	if s == nil || s.headLen == 0 {
		h, n, err := parseHeader(b)
		if n > 0 || err != nil {
			return h, b[n:], err
		}
	}
	if len(b) == 0 {
		return h, nil, nil
	}
	if s == nil {
		s = new(state)
		r.state = s
	}
	before := s.headLen
	s.headLen += copy(s.head[before:], b)
	h, n, err := parseHeader(s.head[:s.headLen])
	if n > 0 {
		s.headLen = 0
		return h, b[n-before:], err
	}
	return h, nil, err
}

// check reports whether a frame may come now, and is not too long.
func (s *state) check(h header, l Limits) error {
	switch {
	case h.control():
		return nil
	case h.deflated && !l.Deflate:
		return errReservedBit
	case s != nil && s.skip:
		return nil
	}
	var before, deflated = 0, h.deflated
	if s != nil && s.message != 0 {
		if h.opcode != opContinuation {
			return errInterrupted
		}
		before, deflated = len(s.payload), s.deflated
	} else if h.opcode == opContinuation {
		return errContinuation
	}
	limit := l.Message
	if deflated {
		limit = maxDeflated(limit)
	}
	if h.length > uint64(limit-before) {
		return errTooBig
	}
	return nil
}

// begin starts to take a frame.
func (s *state) begin(h header) {
	s.open, s.frame, s.size, s.control = true, h, int(h.length), nil
	if !h.control() && !s.skip && h.opcode != opContinuation {
		s.message, s.deflated, s.payload, s.checked = h.opcode, h.deflated, nil, 0
	}
}

// take takes what there is of the frame's payload.
func (s *state) take(b []byte, l Limits) (f Frame, rest []byte, err error) {
	n := int(min(s.frame.length, uint64(len(b))))
	mine, rest := b[:n], b[n:]
	switch {
	case s.frame.control():
		s.control = s.append(s.control, mine)
	case !s.skip:
		s.payload = s.append(s.payload, mine)
		if s.message == opText && !s.deflated {
			if s.checked, err = checkText(s.payload, s.checked); err != nil {
				return Frame{}, nil, err
			}
		}
	}
	if s.frame.length -= uint64(n); s.frame.length > 0 {
		return Frame{}, rest, nil
	}
	s.open = false
	switch {
	case s.frame.control():
		f, err = finish(s.frame.opcode, false, s.control, 0, l)
		s.control = nil
	case s.skip || !s.frame.fin:
		f.Kind = Part
	default:
		f, err = finish(s.message, s.deflated, fit(s.payload), s.checked, l)
		s.message, s.payload = 0, nil
	}
	f.Size = s.size
	return f, rest, err
}

// trusted is for how many bytes that are announced memory is taken before they come.
const trusted = 4096

// append appends masked bytes of the frame. Above trusted, memory is taken for what has
// come, not for what is announced.
func (s *state) append(to, masked []byte) []byte {
	n, need := len(to), len(to)+len(masked)
	if cap(to) < need {
		size := max(2*need, trusted)
		if s.frame.fin { // no more will come
			size = int(min(uint64(size), uint64(n)+s.frame.length))
		}
		to = append(make([]byte, 0, size), to...)
	}
	to = to[:need]
	s.frame.key = unmask(to[n:], masked, s.frame.key)
	return to
}

// checkText reports whether the text is UTF-8 from the byte checked on, and returns up
// to where it is. A rune that has only begun may be.
func checkText(text []byte, checked int) (int, error) {
	end := len(text)
	for i := end - 1; i >= max(checked, end-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				end = i
			}
			break
		}
	}
	if !utf8.Valid(text[checked:end]) {
		return 0, errText
	}
	return end, nil
}

// finish makes the frame of a payload that is all there.
func finish(opcode byte, deflated bool, payload []byte, checked int, l Limits) (f Frame, err error) {
	if deflated {
		if payload, err = inflate(payload, l.Message); err != nil {
			return f, err
		}
	}
	if f.Payload = payload; payload == nil {
		f.Payload = []byte{}
	}
	switch opcode {
	case opText:
		f.Kind = Text
		if !utf8.Valid(payload[checked:]) {
			return f, errText
		}
	case opBinary:
		f.Kind = Binary
	case opPing:
		f.Kind = Ping
	case opPong:
		f.Kind = Pong
	default:
		f.Kind = Close
		return f, checkClose(payload)
	}
	return f, nil
}

// checkClose reports whether a Close has no status, or one that may be sent.
func checkClose(payload []byte) error {
	code, _ := Frame{Payload: payload}.CloseStatus()
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1, code < 1000, code > 4999, code > 1014 && code < 3000,
		code == 1004, code == 1005, code == 1006:
		return errClose
	case !utf8.Valid(payload[2:]):
		return errCloseReason
	}
	return nil
}
