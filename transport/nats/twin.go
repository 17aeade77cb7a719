package nats

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// ErrNameTaken says that a node cannot join: one of its name lives.
var ErrNameTaken = errors.New("there is a living node of this name")

// askTwin asks whether a node of this one's name lives. One that does not answer in time does
// not live, or will find out later.
func (m *membership) askTwin() error {
	answer := m.subjects.toSelf(partAlive)
	sub, err := m.conn.SubscribeSync(answer)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	data := appendHead(nil, m.incarnation)
	// Its subscription may outlive a node that was killed, for a moment: so it is asked twice.
	for range 2 {
		if err := m.conn.PublishRequest(m.subjects.toSelf(partAsk), answer, data); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), m.times.ask/2)
		reply, err := sub.NextMsgWithContext(ctx)
		cancel()
		switch {
		case errors.Is(err, nats.ErrNoResponders), err == nil && isNobody(reply):
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case err != nil:
			return err
		}
		if other, _, err := cutHead(reply.Data); err == nil && other != m.incarnation {
			return ErrNameTaken
		}
	}
	m.log.Warn("there seems to be a node of this name, which does not answer", "node", m.node)
	return nil
}
