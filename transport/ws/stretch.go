package ws

import (
	"slices"
	"weak"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// stretch is a part of a log as clients that have missed it get it. Those that read the same
// share it, and what it is on the wire: so 10,000 that come back at once cost one encoding, and
// each of them one write.
type stretch struct {
	messages []*broadcast
	upTo     uint64 // the offset behind which to read on
	more     bool   // there is something

	// All messages, for each encoding; paired: for clients that want to know of positions, nil if
	// all messages carry theirs.
	bare, paired []onceFrame
}

// stretches are those of a log that some client is about to get. They are not kept for longer,
// for they are as much again as the log.
type stretches struct {
	top   uint64 // this and count: of the log when they were read; while no message comes, some can only go
	count int
	of    map[extent]weak.Pointer[stretch]
}

// extent says which part of a log a stretch is.
type extent struct {
	behind uint64 // this offset
	limit  int    // of the bytes
}

// A log knows of mostStretches at most.
const mostStretches = 64

// read returns messages behind an offset: the first and those after it that are not more than
// limit bytes.
func (l *historyLog) read(offset uint64, limit int, made func(wire.Message) *broadcast) *stretch {
	all, part := &l.stretches, extent{offset, limit}
	if all.of == nil || all.top != l.top || all.count != l.count {
		*all = stretches{l.top, l.count, make(map[extent]weak.Pointer[stretch])}
	}
	s := all.of[part].Value()
	if s == nil {
		s = l.readAnew(part, made)
		if len(all.of) >= mostStretches {
			clear(all.of)
		}
		all.of[part] = weak.Make(s)
	}
	return s
}

func (l *historyLog) readAnew(part extent, made func(wire.Message) *broadcast) *stretch {
	s, size := &stretch{upTo: part.behind}, 0
	for i := l.after(part.behind); i < l.entries.n; i++ {
		e := l.entries.at(i)
		if e.void {
			continue
		}
		if size += e.size(); size > part.limit && len(s.messages) > 0 {
			s.more = true
			break
		}
		b := e.replayed.Value()
		if b == nil {
			b = made(l.message(e))
			e.replayed = weak.Make(b)
		}
		s.messages = append(s.messages, b)
		s.upTo = e.offset
	}
	if !s.more {
		s.upTo = l.top
	}
	if len(s.messages) > 0 {
		s.bare = make([]onceFrame, s.messages[0].encodings())
	}
	if slices.ContainsFunc(s.messages, func(b *broadcast) bool { return b.paired }) {
		s.paired = make([]onceFrame, len(s.bare))
	}
	return s
}

// frame returns all messages as they travel together to the clients of an encoding. It fails if
// one of them cannot be made.
func (s *stretch) frame(e *encoding, tracks bool) (frame.Sealed, error) {
	f := &s.bare[e.index]
	if tracks && s.paired != nil {
		f = &s.paired[e.index]
	}
	f.once.Do(func() {
		list := make([]frame.Sealed, len(s.messages))
		for i, b := range s.messages {
			if tracks && b.paired {
				list[i], f.err = b.pairFrame(e)
			} else {
				list[i], f.err = b.frame(e)
			}
			if f.err != nil {
				return
			}
		}
		if len(list) == 1 { // it is shared as it is
			f.frame = list[0]
			return
		}
		f.frame = frame.Sealed{}.With(list...)
	})
	return f.frame, f.err
}

// framesOf returns a stretch as the client gets it.
func (c *Channel) framesOf(s *stretch) []frame.Sealed {
	if len(s.messages) == 0 {
		return nil
	}
	l, tracks := c.line(), c.replay().tracks
	e := l.encoding.Load()
	if f, err := s.frame(e, tracks); err == nil {
		return []frame.Sealed{f}
	}
	var list []frame.Sealed // those that can be made
	for _, b := range s.messages {
		if f, ok := c.recordedFrameOf(l, e, b, tracks); ok {
			list = append(list, f)
		}
	}
	return list
}
