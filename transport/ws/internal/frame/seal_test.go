package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSealedHeaders(t *testing.T) {
	for _, c := range []struct {
		size   int
		binary bool
		header []byte
	}{
		{0, false, []byte{0x81, 0}},
		{125, false, []byte{0x81, 125}},
		{125, true, []byte{0x82, 125}},
		{126, false, []byte{0x81, 126, 0, 126}},
		{65535, false, []byte{0x81, 126, 0xff, 0xff}},
		{65536, false, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		f := Seal(append(Buffer(c.size), make([]byte, c.size)...), c.binary)
		if got := f.Bytes()[:f.Len()-c.size]; !slices.Equal(got, c.header) || len(f.Payload()) != c.size || f.Binary() != c.binary {
			t.Errorf("%d bytes: header % x, want % x", c.size, got, c.header)
		}
	}
}

// What travels together comes apart as it was, with headers of each length, and is one sequence
// of frames on the wire.
func TestMessagesTravelTogether(t *testing.T) {
	var list []Sealed
	var wire []byte
	for i, size := range []int{0, 1, 125, 126, 65535, 65536, 2} {
		payload := bytes.Repeat([]byte{'a' + byte(i)}, size)
		f := Seal(append(Buffer(size), payload...), i%2 == 1)
		if i == 3 {
			f = Deflate(append(Buffer(0), bytes.Repeat([]byte("a"), 2*deflateThreshold)...), true)
		}
		list, wire = append(list, f), append(wire, f.Bytes()...)
	}
	all := Sealed{}.With(Sealed{}.With(list[:3]...), Sealed{}).With(list[3:]...)
	if !bytes.Equal(all.Bytes(), wire) || all.Len() != len(wire) || all.Messages() != len(list) {
		t.Errorf("%d messages of %d bytes", all.Messages(), all.Len())
	}
	if all.Binary() != list[0].Binary() || !bytes.Equal(all.Payload(), list[0].Payload()) {
		t.Error("the first message is another one")
	}
	for f := range all.Each() {
		if len(list) == 0 || !bytes.Equal(f.Bytes(), list[0].Bytes()) || f.Messages() != 1 || f.Binary() != list[0].Binary() || !bytes.Equal(f.Payload(), list[0].Payload()) {
			t.Fatalf("%d before the end: %d bytes", len(list), f.Len())
		}
		list = list[1:]
	}
	if len(list) > 0 {
		t.Errorf("%d have not come", len(list))
	}
	for range all.Each() {
		break
	}
	for range (Sealed{}).Each() {
		t.Error("there is one in the zero Sealed")
	}
}

func TestControlFrames(t *testing.T) {
	for kind, want := range map[Kind][]byte{
		Ping:  {0x89, 2, 'a', 'b'},
		Pong:  {0x8a, 2, 'a', 'b'},
		Close: {0x88, 2, 'a', 'b'},
	} {
		if got := Control(kind, []byte("ab")); !bytes.Equal(got, want) {
			t.Errorf("kind %d: % x, want % x", kind, got, want)
		}
	}
}

// What is sealed compressed is shorter or not compressed, says so, and is the message
// that was put in.
func TestDeflate(t *testing.T) {
	random := make([]byte, 2000)
	rand.NewChaCha8([32]byte{}).Read(random)
	for _, x := range []struct {
		name       string
		message    []byte
		compressed bool
	}{
		{"small", bytes.Repeat([]byte("a"), deflateThreshold-1), false},
		{"large enough", bytes.Repeat([]byte("a"), deflateThreshold), true},
		{"large", []byte(strings.Repeat("all work and no play ", 10_000)), true},
		{"does not shrink", random, false},
	} {
		for _, binary := range []bool{false, true} {
			t.Run(fmt.Sprint(x.name, ", binary ", binary), func(t *testing.T) {
				f := Deflate(append(Buffer(0), x.message...), binary)
				compressed := f.Bytes()[0]&rsv1Bit != 0
				if compressed != x.compressed || f.Binary() != binary {
					t.Fatalf("compressed %v, binary %v", compressed, f.Binary())
				}
				got := f.Payload()
				if compressed {
					if len(got) >= len(x.message) {
						t.Errorf("%d bytes became %d", len(x.message), len(got))
					}
					var err error
					if got, err = inflate(bytes.Clone(got), len(x.message)); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(got, x.message) {
					t.Errorf("%d bytes came out, want %d", len(got), len(x.message))
				}
			})
		}
	}
}
