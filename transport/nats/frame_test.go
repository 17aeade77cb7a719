package nats

import (
	"bytes"
	"errors"
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
		for _, r := range []pubsub.Receiver{whole, picky{newRecorder()}} {
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
