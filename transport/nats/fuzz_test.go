package nats

// The targets are built without the other tests, see .ci/run: those take a server along.

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
)

func FuzzFrame(f *testing.F) {
	f.Add(frame{1, 2, "topic", []byte("data")}.append(nil))
	f.Add(frame{}.append(nil))
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b)
		if err != nil {
			if !errors.Is(err, errFrame) || got.data != nil {
				t.Errorf("decode: %v, %v", got, err)
			}
			return
		}
		again, err := decode(got.append(nil))
		if err != nil || again.incarnation != got.incarnation || again.number != got.number ||
			again.topic != got.topic || !bytes.Equal(again.data, got.data) {
			t.Errorf("%+v has become %+v, %v", got, again, err)
		}
	})
}

func FuzzBeat(f *testing.F) {
	f.Add(beat{}.encode())
	f.Add(beat{incarnation: 1, kind: beatLeaves, sent: numbers{1, 2, 3}, direct: numbers{15: 1 << 63}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeBeat(b)
		if err != nil {
			return
		}
		if again, err := decodeBeat(got.encode()); err != nil || again != got {
			t.Errorf("%+v has become %+v, %v", got, again, err)
		}
	})
}

// selective is a receiver that wants what it follows.
type selective struct{ pubsubtest.Receiver }

func (selective) Selective() {}

// Whatever comes on a node's subjects, it does not panic, and nothing is counted that goes
// beyond what one sender may say of itself.
func FuzzWhatComes(f *testing.F) {
	f.Add(".on."+hashOf("topic").token()+".62", topicFrame{1, topicMessage, 2, 3, "topic", []byte("data"), 0}.append(nil), uint8(3))
	f.Add(".on."+hashOf("topic").token()+".62", topicFrame{1, topicTally, 1 << 62, 1 << 62, "other", nil, 0}.append(nil), uint8(3))
	f.Add(".on."+hashOf("topic").token()+".62", topicFrame{1, topicPack, 2, 3, "topic", packed("one", "two"), 0}.append(nil), uint8(3))
	f.Add(".on.node.62", announcement{1, 3, 4}.encode(), uint8(2))
	for _, part := range []string{"0", "15", "16", "00", "-1", partBeat, partAsk, partAlive, "", "to"} {
		for _, from := range []string{"", "62", "61", "zz", "62.63", "to.61"} {
			f.Add("."+part+"."+from, frame{1, 2, "topic", []byte("data")}.append(nil), uint8(3))
			f.Add(".to.61."+part+"."+from, beat{incarnation: 1, kind: beatHello, sent: numbers{1 << 41}}.encode(), uint8(2))
		}
	}
	f.Fuzz(func(t *testing.T, subject string, data []byte, times uint8) {
		whole := pubsubtest.Receiver(func(string, []byte) {})
		for _, r := range []pubsub.Receiver{whole, selective{whole}} {
			a := &Adapter{Conn: new(nats.Conn), Name: "a"}
			m := a.newMembership(r)
			defer m.stop()
			if m.routes != nil {
				m.routes.want(hashOf("topic"))
			}
			for range times {
				m.in.accept(&nats.Msg{Subject: m.subjects.prefix + subject, Data: data})
			}
			if n := a.lost.Load(); n > shardCount*2*maxJump {
				t.Errorf("%d messages are said to be lost", n)
			}
			if a.malformed.Load() > uint64(times) || len(m.peers.members()) > 1 {
				t.Errorf("%d malformed, members %v", a.malformed.Load(), m.peers.members())
			}
		}
	})
}

func FuzzTopicFrame(f *testing.F) {
	f.Add(topicFrame{1, topicMessage, 2, 3, "topic", []byte("data"), 0}.append(nil))
	f.Add(topicFrame{1, topicTally, 1 << 63, 3, "", nil, 0}.append(nil))
	f.Add(topicFrame{1, topicPack, 2, 3, "topic", packed("one", "", "three"), 0}.append(nil))
	f.Add(topicFrame{1, topicPack, 2, 3, "topic", packed("one")[:2], 0}.append(nil))
	f.Add(topicFrame{1, topicPack, 1<<64 - 4, 3, "topic", packed("one"), 0}.append(nil))
	f.Add(announcement{1, 3, 1 << 40}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := decodeAnnouncement(b); err == nil {
			if again, err := decodeAnnouncement(append(a.encode(), 1)); err != nil || again != a {
				t.Errorf("%+v has become %+v, %v", a, again, err)
			}
		}
		got, err := decodeTopic(b, latestVersion)
		if err != nil {
			return
		}
		again, err := decodeTopic(got.append(nil), latestVersion)
		if err != nil || again.incarnation != got.incarnation || again.kind != got.kind || again.base != got.base ||
			again.number != got.number || again.more != got.more || again.topic != got.topic || string(again.data) != string(got.data) {
			t.Errorf("%+v has become %+v, %v", got, again, err)
		}
	})
}

// packed is the data of a pack.
func packed(messages ...string) (data []byte) {
	for _, m := range messages {
		data = appendString(data, m)
	}
	return data
}

// Bytes off the bus are requests, replies or errors.
func FuzzCallFrames(f *testing.F) {
	f.Add(request{toCall, math.MaxInt64, "name", "method", []byte("body"), "codec"}.encode())
	f.Add(request{kind: toProbe}.encode())
	f.Add(reply{gaveError, "killed", "text", []byte("body"), "codec"}.encode())
	f.Add([]byte{callVersion, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, data []byte) {
		if q, err := decodeRequest(data); err == nil {
			if q.left < 0 || len(q.name)+len(q.method)+len(q.body) > len(data) {
				t.Errorf("%+v of %d bytes", q, len(data))
			}
			if again, err := decodeRequest(q.encode()); err != nil || again.name != q.name || !bytes.Equal(again.body, q.body) || again.left != q.left {
				t.Errorf("%+v and %+v, %v", q, again, err)
			}
		}
		if r, err := decodeReply(data); err == nil {
			if again, err := decodeReply(r.encode()); err != nil || again.text != r.text || !bytes.Equal(again.body, r.body) {
				t.Errorf("%+v and %+v, %v", r, again, err)
			}
			if err := r.err([]error{errFrame}); err == nil || len(err.Error()) > maxText+3 {
				t.Errorf("error %v", err)
			}
		}
		if name, err := answerIn(data); err == nil && len(name) > len(data) {
			t.Errorf("answer %q", name)
		}
	})
}
