package nats

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzFrame(f *testing.F) {
	f.Add(frame{"node", "topic", []byte("data")}.encode())
	f.Add(frame{}.encode())
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
		again, err := decode(got.encode())
		if err != nil || again.from != got.from || again.topic != got.topic || !bytes.Equal(again.data, got.data) {
			t.Errorf("%+v has become %+v, %v", got, again, err)
		}
	})
}
