package ws

import (
	"errors"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// outPush is what HandleOut has pushed.
type outPush struct {
	message wire.Message
	frame   frame.Sealed
}

// replace has what HandleOut pushes for a broadcast take its place: the last of it carries the
// position, so that a client which is cut off in between gets all of it again. If nothing is
// pushed, the client is told of the position now and then. Where HandleOut fails, the client
// has not got past the broadcast.
func (p *replay) replace(c *Channel, b *broadcast, handle func() error) (err error) {
	if p == nil || b.Ref == "" {
		return handle()
	}
	p.mu.Lock()
	p.replacing = true
	p.mu.Unlock()
	err = errUnfinished // also if it panics
	defer func() { p.replaced(c, b, err == nil) }()
	err = handle()
	return err
}

var errUnfinished = errors.New("HandleOut has not returned")

// silence is after how many broadcasts for which nothing was pushed a client is told of the
// position.
const silence = 16

// replaced sends what HandleOut has pushed.
func (p *replay) replaced(c *Channel, b *broadcast, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pushed := p.pushed
	p.replacing, p.pushed = false, nil
	if p.silent++; len(pushed) > 0 || p.silent >= silence {
		p.silent = 0
	}
	if done && len(pushed) > 0 {
		last := &pushed[len(pushed)-1]
		last.message.Ref = b.Ref
		if f, err := c.line().encoding.Load().encode(last.message); err == nil { // as it was before
			last.frame = f
		}
	}
	for _, o := range pushed {
		c.send(o.frame)
	}
	if done && p.tracks && (len(pushed) == 0 && p.silent == 0 || len(pushed) > 0 && pushed[len(pushed)-1].message.Payload.IsBinary()) {
		c.show(p.of.endpoint.sharedAs(b.where()))
	}
}

// collects reports whether pushes take the place of a broadcast now.
func (p *replay) collects() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replacing
}

// collect keeps a push of HandleOut's until that has returned.
func (p *replay) collect(m wire.Message, f frame.Sealed) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replacing {
		p.pushed = append(p.pushed, outPush{m, f})
	}
	return p.replacing
}
