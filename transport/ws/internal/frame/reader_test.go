package frame

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

var limits = Limits{Message: 1 << 16, Deflate: true}

// long is a text that shrinks by compression.
var long = strings.Repeat("all work and no play ", 500)

func TestFrames(t *testing.T) {
	concat := func(all ...[]byte) []byte { return slices.Concat(all...) }
	for _, x := range []struct {
		name string
		sent []byte
		want []Frame
		err  *Error
	}{
		{name: "nothing"},
		{"text", rawclient.Frame(fin|opText, "Hello"), []Frame{{Text, []byte("Hello"), 5}}, nil},
		{"an example of the RFC", []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
			[]Frame{{Text, []byte("Hello"), 5}}, nil},
		{"empty text", rawclient.Frame(fin|opText, ""), []Frame{{Text, []byte{}, 0}}, nil},
		{"binary", rawclient.Frame(fin|opBinary, "\x00\xff"), []Frame{{Binary, []byte("\x00\xff"), 2}}, nil},
		{"length of two bytes", rawclient.Frame(fin|opText, long), []Frame{{Text, []byte(long), len(long)}}, nil},
		{"largest", rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<16)), []Frame{{Binary, bytes.Repeat([]byte("x"), 1<<16), 1 << 16}}, nil},
		{"too large", rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<16+1)), nil, errTooBig},
		{"too large, by its head", rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<16+1))[:14], nil, errTooBig},
		{"a TiB", []byte{fin | opBinary, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nil, errTooBig},
		{"more than there is", []byte{fin | opBinary, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nil, errLength},
		{"a length that could be shorter", []byte{fin | opText, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'a'}, []Frame{{Text, []byte("a"), 1}}, nil},
		{"unmasked", []byte{fin | opText, 0}, nil, errUnmasked},
		{"second reserved bit", rawclient.Frame(0x20|fin|opText, ""), nil, errReservedBit},
		{"third reserved bit", rawclient.Frame(0x10|fin|opPing, ""), nil, errReservedBit},
		{"reserved opcode", rawclient.Frame(fin|0x3, ""), nil, errOpcode},
		{"reserved opcode of a control frame", rawclient.Frame(fin|0xb, ""), nil, errOpcode},

		{"fragments", rawclient.Message(opText, false, "Hel", "", "lo"), []Frame{{Text, []byte("Hello"), 2}}, nil},
		{"fragments with control frames between", concat(rawclient.Frame(opText, "Hel"), rawclient.Frame(fin|opPing, "p"), rawclient.Frame(fin|opPong, "q"), rawclient.Frame(fin|opContinuation, "lo")),
			[]Frame{{Ping, []byte("p"), 1}, {Pong, []byte("q"), 1}, {Text, []byte("Hello"), 2}}, nil},
		{"fragments that are too large", concat(rawclient.Frame(opText, long), rawclient.Frame(fin|opContinuation, strings.Repeat("x", 1<<16))), nil, errTooBig},
		{"two messages", concat(rawclient.Message(opText, false, "a", "b"), rawclient.Frame(fin|opBinary, "c"), rawclient.Message(opText, false, "d", "e")),
			[]Frame{{Text, []byte("ab"), 1}, {Binary, []byte("c"), 1}, {Text, []byte("de"), 1}}, nil},
		{"continuation of nothing", rawclient.Frame(fin|opContinuation, "x"), nil, errContinuation},
		{"continuation after the end", concat(rawclient.Message(opText, false, "a", "b"), rawclient.Frame(opContinuation, "x")),
			[]Frame{{Text, []byte("ab"), 1}}, errContinuation},
		{"message within a message", concat(rawclient.Frame(opText, "a"), rawclient.Frame(fin|opText, "b")), nil, errInterrupted},

		{"largest ping", rawclient.Frame(fin|opPing, strings.Repeat("p", 125)), []Frame{{Ping, bytes.Repeat([]byte("p"), 125), 125}}, nil},
		{"ping that is too long", rawclient.Frame(fin|opPing, strings.Repeat("p", 126)), nil, errControl},
		{"fragmented ping", rawclient.Frame(opPing, "p"), nil, errControl},
		{"compressed ping", rawclient.Frame(fin|rsv1|opPing, "p"), nil, errReservedBit},
		{"close", rawclient.Frame(fin|opClose, ""), []Frame{{Close, []byte{}, 0}}, nil},
		{"close with a reason", rawclient.Frame(fin|opClose, "\x03\xe8bye"), []Frame{{Close, []byte("\x03\xe8bye"), 5}}, nil},
		{"close with half a code", rawclient.Frame(fin|opClose, "\x03"), nil, errClose},
		{"close with a reason that is not UTF-8", rawclient.Frame(fin|opClose, "\x03\xe8\xff"), nil, errCloseReason},

		{"UTF-8", rawclient.Frame(fin|opText, "κόσμε"), []Frame{{Text, []byte("κόσμε"), len("κόσμε")}}, nil},
		{"not UTF-8", rawclient.Frame(fin|opText, "a\xff"), nil, errText},
		{"a surrogate", rawclient.Frame(fin|opText, "\xed\xa0\x80"), nil, errText},
		{"half a rune at the end", rawclient.Frame(fin|opText, "κ\xce"), nil, errText},
		{"a rune in two fragments", rawclient.Message(opText, false, "\xf0\x9f", "\x98\x80"), []Frame{{Text, []byte("😀"), 2}}, nil},
		{"half a rune in fragments", rawclient.Message(opText, false, "\xf0\x9f", "\x98"), nil, errText},
		{"found before the message ends", rawclient.Frame(opText, "a\xff"), nil, errText},
		{"found before the rune ends", rawclient.Frame(opText, "\xf4\x90"), nil, errText},
		{"binary need not be UTF-8", rawclient.Frame(fin|opBinary, "\xff"), []Frame{{Binary, []byte("\xff"), 1}}, nil},

		{"compressed, an example of the RFC", rawclient.Frame(fin|rsv1|opText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), []Frame{{Text, []byte("Hello"), 7}}, nil},
		{"in fragments", concat(rawclient.Frame(rsv1|opText, "\xf2\x48\xcd"), rawclient.Frame(fin|opContinuation, "\xc9\xc9\x07\x00")), []Frame{{Text, []byte("Hello"), 4}}, nil},
		{"not compressed", rawclient.Frame(fin|rsv1|opText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), []Frame{{Text, []byte("Hello"), 11}}, nil},
		{"with a last block", rawclient.Frame(fin|rsv1|opText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []Frame{{Text, []byte("Hello"), 8}}, nil},
		{"with a last block and nothing after it", rawclient.Frame(fin|rsv1|opText, "\xf3\x48\xcd\xc9\xc9\x07\x00"), []Frame{{Text, []byte("Hello"), 7}}, nil},
		{"in two blocks", rawclient.Frame(fin|rsv1|opText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), []Frame{{Text, []byte("Hello"), 13}}, nil},
		{"with two last blocks", rawclient.Frame(fin|rsv1|opText, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00"), []Frame{{Text, []byte("HelloHello"), 14}}, nil},
		{"with very many last blocks", rawclient.Frame(fin|rsv1|opText, strings.Repeat("\x03\x00", 1000)), nil, errDeflate},
		{"empty and compressed", rawclient.Frame(fin|rsv1|opText, "\x00"), []Frame{{Text, []byte{}, 1}}, nil},
		{"nothing compressed", rawclient.Frame(fin|rsv1|opText, ""), []Frame{{Text, []byte{}, 0}}, nil},
		{"compressed, then not", concat(rawclient.Message(opText, true, long), rawclient.Frame(fin|opText, "a")),
			[]Frame{{Text, []byte(long), len(deflateParts([]string{long})[0])}, {Text, []byte("a"), 1}}, nil},
		{"compressed by a continuation", concat(rawclient.Frame(rsv1|opText, "\xf2\x48\xcd"), rawclient.Frame(fin|rsv1|opContinuation, "\xc9\xc9\x07\x00")), nil, errReservedBit},
		{"compressed data that is cut", rawclient.Frame(fin|rsv1|opText, "\xf2\x48\xcd\xc9"), nil, errDeflate},
		{"compressed junk", rawclient.Frame(fin|rsv1|opBinary, "\xff\xff\xff"), nil, errDeflate},
		{"compressed and not UTF-8", rawclient.Message(opText, true, "a\xff"), nil, errText},
		{"compressed to more than the limit", rawclient.Message(opBinary, true, strings.Repeat("0", 1<<16+1)), nil, errTooBig},
		{"compressed to the limit", rawclient.Message(opBinary, true, strings.Repeat("0", 1<<16)),
			[]Frame{{Binary, bytes.Repeat([]byte("0"), 1<<16), len(deflateParts([]string{strings.Repeat("0", 1<<16)})[0])}}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			var want error
			if x.err != nil {
				want = x.err
			}
			for size := 1; size <= len(x.sent)+1; size += 1 + size/2 { // in pieces of any size
				got, r := read(limits, slices.Collect(slices.Chunk(x.sent, size))...)
				if !reflect.DeepEqual(got.frames, x.want) || got.err != want {
					t.Fatalf("in pieces of %d bytes: %v, %v\nwant %v, %v", size, got.frames, got.err, x.want, want)
				}
				if want == nil && (r.Pending() || r.state != nil) {
					t.Errorf("in pieces of %d bytes: it waits for more", size)
				}
			}
		})
	}
}

func TestCloseCodes(t *testing.T) {
	valid := map[int]bool{3000: true, 3999: true, 4000: true, 4999: true}
	for code := 1000; code <= 1014; code++ {
		valid[code] = code < 1004 || code > 1006
	}
	for _, code := range []int{0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
		1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535} {
		got, _ := read(limits, rawclient.Frame(fin|opClose, string([]byte{byte(code >> 8), byte(code)})+"why"))
		if valid[code] != (got.err == nil) {
			t.Errorf("%d: %v", code, got.err)
		}
		if got.err != nil {
			continue
		}
		if c, reason := got.frames[0].CloseStatus(); c != code || reason != "why" {
			t.Errorf("%d: read as %d, %q", code, c, reason)
		}
	}
	if code, reason := (Frame{Kind: Close}).CloseStatus(); code != 1005 || reason != "" {
		t.Errorf("no status is %d, %q", code, reason)
	}
}

func TestCompressionMustBeAllowed(t *testing.T) {
	if got, _ := read(Limits{Message: 100}, rawclient.Message(opText, true, "a")); got.err != errReservedBit {
		t.Error(got)
	}
}

// An error stays, whatever comes next, and nothing is kept of what was read.
func TestErrorsStay(t *testing.T) {
	_, r := read(limits, rawclient.Frame(opText, long), rawclient.Frame(fin|opText, "b"))
	for range 2 {
		f, rest, err := r.Next(rawclient.Frame(fin|opText, "c"), limits)
		if f.Kind != Nothing || f.Payload != nil || rest != nil || err != errInterrupted {
			t.Error(f, rest, err)
		}
	}
	if r.Pending() || !reflect.DeepEqual(*r.state, state{err: errInterrupted}) {
		t.Errorf("it keeps %+v", r.state)
	}
}

// A message that is cut anywhere is not delivered, and one that is whole is, whole:
// in however many frames, compressed or not, and however the bytes come.
func TestCutMessages(t *testing.T) {
	texts := []string{"", "a", "Hello κόσμε 😀", long[:300]}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		for parts := 1; parts <= 4; parts++ {
			for _, deflated := range []bool{false, true} {
				first := rawclient.Message(opBinary, deflated, "first")
				all := slices.Concat(first, rawclient.Message(opText, deflated, rawclient.Split(text, parts)...))
				for end := 0; end <= len(all); end++ {
					var want []string
					if end >= len(first) {
						want = append(want, "first")
					}
					if end == len(all) {
						want = append(want, text)
					}
					for _, pieces := range [][][]byte{{all[:end]}, {all[:end/2], all[end/2 : end]}, cut(rnd, all[:end])} {
						got, r := read(limits, pieces...)
						if err := delivered(got, want); err != nil {
							t.Fatalf("%q in %d parts, deflated %v, cut after %d bytes: %v", text, parts, deflated, end, err)
						}
						if r.Pending() != (end != len(first) && end != len(all) && end != 0) {
							t.Fatalf("%q in %d parts, cut after %d bytes: pending %v", text, parts, end, r.Pending())
						}
					}
				}
			}
		}
	}
}

// delivered checks that a result is these messages and no error.
func delivered(got result, want []string) error {
	var texts []string
	for _, f := range got.frames {
		texts = append(texts, string(f.Payload))
	}
	if !slices.Equal(texts, want) || got.err != nil {
		return fmt.Errorf("got %q, %v; want %q", texts, got.err, want)
	}
	return nil
}

// Memory is taken for what has come, not for what is announced.
func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	l := Limits{Message: 1 << 30}
	var r Reader
	if _, _, err := r.Next(rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<20))[:1000], l); err != nil {
		t.Fatal(err)
	}
	if got := cap(r.state.payload); got < 900 || got > 4096 {
		t.Errorf("%d bytes are held for less than 1000", got)
	}
}

// A message takes no more memory than it has bytes, since it may live long.
func TestMessagesFit(t *testing.T) {
	for _, deflated := range []bool{false, true} {
		for parts := 1; parts < 6; parts++ {
			sent := rawclient.Message(opText, deflated, rawclient.Split(long, parts)...)
			for size := 10; size < len(sent); size *= 3 {
				got, _ := read(limits, slices.Collect(slices.Chunk(sent, size))...)
				if p := got.frames[0].Payload; cap(p) > len(p)*5/4+128 {
					t.Errorf("deflated %v, %d parts in pieces of %d: %d bytes for %d", deflated, parts, size, cap(p), len(p))
				}
			}
		}
	}
}

// Compressed data that does not shrink is not too large because of that.
func TestIncompressibleMessageOfTheLargestSize(t *testing.T) {
	random := make([]byte, limits.Message)
	rand.NewChaCha8([32]byte{}).Read(random)
	for _, parts := range []int{1, 100} {
		got, _ := read(limits, rawclient.Message(opBinary, true, rawclient.Split(string(random), parts)...))
		if err := delivered(got, []string{string(random)}); err != nil {
			t.Errorf("%d parts: %d frames, %v", parts, len(got.frames), got.err)
		}
	}
	var e *Error
	got, _ := read(limits, rawclient.Frame(fin|rsv1|opBinary, strings.Repeat("\x00\x00\x00\xff\xff", 20_000))) // empty blocks
	if !errors.As(got.err, &e) || e.Code != TooBig {
		t.Error(got.err)
	}
}

// After Skip, messages of any size are passed over, and the close frame is found.
func TestSkip(t *testing.T) {
	huge := rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<18))
	for _, x := range []struct {
		name          string
		before, after []byte
	}{
		{"nothing", nil, nil},
		{"in a message", rawclient.Frame(opText, "a"), rawclient.Frame(fin|opContinuation, "\xff")},
		{"in a payload", huge[:100], huge[100:]},
		{"in a head", huge[:3], huge[3:]},
		{"whatever comes", nil, slices.Concat(huge, rawclient.Frame(fin|opText, "\xff"), rawclient.Frame(fin|opPing, "p"), rawclient.Frame(fin|opContinuation, ""), rawclient.Frame(rsv1|opText, "junk"))},
	} {
		t.Run(x.name, func(t *testing.T) {
			var r Reader
			if _, _, err := r.Next(x.before, Limits{Message: 1 << 20, Deflate: true}); err != nil {
				t.Fatal(err)
			}
			r.Skip()
			rest := slices.Concat(x.after, rawclient.Frame(fin|opClose, "\x03\xe8"))
			for {
				var f Frame
				var err error
				f, rest, err = r.Next(rest, limits)
				if err != nil || f.Kind == Nothing || f.Kind == Text || f.Kind == Binary {
					t.Fatal(f, err)
				}
				if len(r.state.payload) > 0 {
					t.Fatal("it keeps what it passes over")
				}
				if f.Kind == Close {
					return
				}
			}
		})
	}
}
