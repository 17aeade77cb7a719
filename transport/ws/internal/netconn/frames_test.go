package netconn

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// What a WebSocket server makes of frames, in the order of the Autobahn test suite and
// with its numbers. The table is our own.

// frames makes what a client sends, in a mode.
type frames func(m mode) []byte

// one is a frame as it is.
func one(first byte, payload string) frames {
	return func(mode) []byte { return rawclient.Frame(first, payload) }
}

// whole is a good message, in fragments, compressed if the mode has it.
func whole(opcode byte, parts ...string) frames {
	return func(m mode) []byte { return rawclient.Message(opcode, m.deflate, parts...) }
}

func text(parts ...string) frames { return whole(0x1, parts...) }
func bin(parts ...string) frames  { return whole(0x2, parts...) }
func ping(payload string) frames  { return one(rawclient.Fin|0x9, payload) }
func pong(payload string) frames  { return one(rawclient.Fin|0xa, payload) }

// closing is a close frame with a code.
func closing(code int, reason string) frames {
	return func(mode) []byte { return rawclient.Closing(code, reason) }
}

// part is a frame of a message that may be at fault: text, continuation, the last.
func first(payload string) frames { return one(0x1, payload) }
func more(payload string) frames  { return one(0x0, payload) }
func last(payload string) frames  { return one(rawclient.Fin, payload) }

// maxTestMessage is the largest message that the table's server takes.
const maxTestMessage = 1 << 17

// frameCase is a case of the table. If want ends with a "close:", the server must close
// the connection then, otherwise it must keep it.
type frameCase struct {
	name string
	sent []frames
	want []string
	// after is a text that is sent, and comes back, before all this: answers are made
	// by the session, and violations found by the reader.
	after string
}

const (
	violated = "close:1002"
	invalid  = "close:1007"
	tooBig   = "close:1009"
)

func frameCases() (all []frameCase) {
	for _, cases := range [][]frameCase{
		framingCases(), pingCases(), reservedCases(), fragmentCases(), utf8Cases(), closeCases(), limitCases(),
	} {
		all = append(all, cases...)
	}
	return all
}

func framingCases() (cases []frameCase) { // 1, 9, 12
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, maxTestMessage} {
		x := strings.Repeat("*", n)
		cases = append(cases,
			frameCase{fmt.Sprint("1.1 text of ", n), []frames{text(x)}, []string{"text:" + x}, ""},
			frameCase{fmt.Sprint("1.2 binary of ", n), []frames{bin(x)}, []string{"binary:" + x}, ""},
		)
	}
	return append(cases,
		frameCase{"1 unmasked text", []frames{func(mode) []byte { return []byte{rawclient.Fin | 0x1, 1, 'x'} }}, []string{violated}, ""},
		frameCase{"1 unmasked ping", []frames{func(mode) []byte { return []byte{rawclient.Fin | 0x9, 0} }}, []string{violated}, "Hello"},
	)
}

func pingCases() []frameCase { // 2
	var ten []frames
	var answers []string
	for i := range 10 {
		ten = append(ten, ping(fmt.Sprint("payload ", i)))
		answers = append(answers, fmt.Sprint("pong:payload ", i))
	}
	full := strings.Repeat("\xfe", 125)
	return []frameCase{
		{"2.1 empty ping", []frames{ping("")}, []string{"pong:"}, ""},
		{"2.2 ping", []frames{ping("Hello")}, []string{"pong:Hello"}, ""},
		{"2.3 ping with binary payload", []frames{ping("\x00\xff\xfe")}, []string{"pong:\x00\xff\xfe"}, ""},
		{"2.4 ping of the largest size", []frames{ping(full)}, []string{"pong:" + full}, ""},
		{"2.5 ping that is too long", []frames{ping(full + "x")}, []string{violated}, ""},
		{"2.7 unsolicited empty pong", []frames{pong("")}, nil, ""},
		{"2.8 unsolicited pong", []frames{pong("x")}, nil, ""},
		{"2.9 pong, then ping", []frames{pong("x"), ping("y")}, []string{"pong:y"}, ""},
		{"2.10 ten pings", ten, answers, ""},
	}
}

func reservedCases() (cases []frameCase) { // 3, 4
	hello := func(name string, first byte, payload string) frameCase {
		return frameCase{name, []frames{one(first, payload), ping("")}, []string{violated}, "Hello"}
	}
	for _, bits := range []byte{0x10, 0x20, 0x30, 0x50, 0x60, 0x70} {
		cases = append(cases, hello(fmt.Sprintf("3 reserved bits %#x", bits), rawclient.Fin|bits|0x1, "x"))
	}
	for _, opcode := range []byte{0x0, 0x8, 0x9, 0xa} { // that may not be compressed
		cases = append(cases, hello(fmt.Sprintf("3 first reserved bit with opcode %#x", opcode), rawclient.Fin|rawclient.RSV1|opcode, ""))
	}
	for _, opcode := range []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		cases = append(cases,
			frameCase{fmt.Sprintf("4 opcode %#x", opcode), []frames{one(rawclient.Fin|opcode, "")}, []string{violated}, ""},
			hello(fmt.Sprintf("4 opcode %#x with a payload, after a text", opcode), rawclient.Fin|opcode, "x"),
		)
	}
	return cases
}

func fragmentCases() []frameCase { // 5
	return []frameCase{
		{"5.1 fragmented ping", []frames{one(0x9, "a"), last("b")}, []string{violated}, ""},
		{"5.2 fragmented pong", []frames{one(0xa, "a"), last("b")}, []string{violated}, ""},
		{"5.3 text in two fragments", []frames{text("a", "b")}, []string{"text:ab"}, ""},
		{"5.3 binary in empty fragments", []frames{bin("", "", "")}, []string{"binary:"}, ""},
		{"5.6 ping between fragments", []frames{first("a"), ping("p"), last("b")}, []string{"pong:p", "text:ab"}, ""},
		{"5.9 continuation of nothing", []frames{last("a"), text("b")}, []string{violated}, ""},
		{"5.12 continuation of nothing that goes on", []frames{more("a"), text("b")}, []string{violated}, ""},
		{"5.15 continuation after a message", []frames{more("c"), text("d")}, []string{violated}, "Hello"},
		{"5.18 text within a text", []frames{first("a"), text("b")}, []string{violated}, ""},
		{"5.18 binary within a text", []frames{first("a"), one(0x2, "b")}, []string{violated}, ""},
		{"5.19 pings between five fragments", []frames{first("a"), more("b"), ping("p"), more("c"), more("d"), ping("q"), last("e")},
			[]string{"pong:p", "pong:q", "text:abcde"}, ""},
		{"5.20 a fragmented text after another", []frames{text("a", "b"), text("c", "d", "e")}, []string{"text:ab", "text:cde"}, ""},
	}
}

func utf8Cases() (cases []frameCase) { // 6
	for _, x := range []string{
		"", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff",
		"\ud7ff", "\ue000", "\ufffd", "\ufffe", "\U0001fffe", "\U0010fffe",
	} {
		cases = append(cases, frameCase{fmt.Sprintf("6 valid %+q", x), []frames{text(x)}, []string{"text:" + x}, ""})
		if len(x) > 1 {
			cases = append(cases, frameCase{fmt.Sprintf("6 valid %+q, each byte a fragment", x), []frames{text(strings.Split(bytewise(x), "|")...)}, []string{"text:" + x}, ""})
		}
	}
	for _, x := range []string{
		"\xff", "\x80", "\xbf", "\x80\xbf", "\xc0", "\xe0\x80", "\xfe", "\xfe\xfe\xff\xff", // lone bytes
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", // overlong
		"\xed\xa0\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", // surrogates
		"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", // too large
		"\xce", "\xe1\xbd", "\xf0\x90\x80", // cut short
	} {
		cases = append(cases,
			frameCase{fmt.Sprintf("6 invalid % x", x), []frames{text("κόσμε" + x)}, []string{invalid}, ""},
			frameCase{fmt.Sprintf("6 invalid % x in fragments", x), []frames{text("κόσμε", x[:1], x[1:])}, []string{invalid}, ""},
			frameCase{fmt.Sprintf("6 invalid % x, then more", x), []frames{text("κόσμε" + x + "edited")}, []string{invalid}, ""},
		)
	}
	return append(cases,
		frameCase{"6.4 found before the message ends", []frames{first("κόσμε\xf4\x90")}, []string{invalid}, ""},
		frameCase{"6.4 found before the frame ends", []frames{func(mode) []byte { return rawclient.Frame(0x1, "κόσμε\xff edited")[:6+11] }}, []string{invalid}, ""},
	)
}

// bytewise puts a bar between the bytes.
func bytewise(x string) string {
	parts := make([]string, len(x))
	for i := range parts {
		parts[i] = x[i : i+1]
	}
	return strings.Join(parts, "|")
}

func closeCases() (cases []frameCase) { // 7
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, frameCase{fmt.Sprint("7.7 close with ", code), []frames{closing(code, "")}, []string{fmt.Sprint("close:", code)}, ""})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, frameCase{fmt.Sprint("7.9 close with ", code), []frames{closing(code, "")}, []string{violated}, ""})
	}
	full := strings.Repeat("*", 123)
	return append(cases,
		frameCase{"7.1.1 text, then close", []frames{closing(1000, "")}, []string{"close:1000"}, "Hello"},
		frameCase{"7.1.2 two closes", []frames{closing(1000, ""), closing(1001, "")}, []string{"close:1000"}, ""},
		frameCase{"7.1.3 ping after close", []frames{closing(1000, ""), ping("p")}, []string{"close:1000"}, ""},
		frameCase{"7.1.4 text after close", []frames{closing(1000, ""), text("a")}, []string{"close:1000"}, ""},
		frameCase{"7.1.5 close within a message", []frames{first("a"), closing(1000, ""), last("b")}, []string{"close:1000"}, ""},
		frameCase{"7.3.1 close without a code", []frames{one(rawclient.Fin|0x8, "")}, []string{"close:"}, ""},
		frameCase{"7.3.2 close with half a code", []frames{one(rawclient.Fin|0x8, "\x03")}, []string{violated}, ""},
		frameCase{"7.3.4 close with a reason", []frames{closing(1000, "Hello κόσμε")}, []string{"close:1000 Hello κόσμε"}, ""},
		frameCase{"7.3.5 close with the longest reason", []frames{closing(1000, full)}, []string{"close:1000 " + full}, ""},
		frameCase{"7.3.6 close that is too long", []frames{closing(1000, full+"*")}, []string{violated}, ""},
		frameCase{"7.5.1 close with a reason that is not UTF-8", []frames{closing(1000, "\xce\xba\xff")}, []string{invalid}, ""},
	)
}

func limitCases() []frameCase { // 9, 10, 12, 13
	large := strings.Repeat("Lorem ipsum dolor sit amet, ", maxTestMessage/28)
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, large[len(large)*i/100:len(large)*(i+1)/100])
	}
	return []frameCase{
		{"9.1 large text", []frames{text(large)}, []string{"text:" + large}, ""},
		{"9.3 large text in fragments", []frames{text(hundred...)}, []string{"text:" + large}, ""},
		{"9 larger than the limit", []frames{one(rawclient.Fin|0x2, strings.Repeat("x", maxTestMessage+1))}, []string{tooBig}, "Hello"},
		{"9 larger, but compressed to less", []frames{whole(0x2, strings.Repeat("x", maxTestMessage+1))}, []string{tooBig}, ""},
		{"9 larger than the limit, in fragments", []frames{one(0x2, large), one(rawclient.Fin, large)}, []string{tooBig}, ""},
		{"9 the head of a TiB", []frames{func(mode) []byte { return []byte{rawclient.Fin | 0x2, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0} }}, []string{tooBig}, ""},
		{"9 the head of an impossible length", []frames{func(mode) []byte {
			return slices.Concat([]byte{rawclient.Fin | 0x2, 0xff}, []byte(strings.Repeat("\xff", 8)), make([]byte, 4))
		}}, []string{violated}, ""},
		{"10 messages in a row", []frames{text("a"), bin(large), text("b", "c"), text(large)}, []string{"text:a", "binary:" + large, "text:bc", "text:" + large}, ""},
	}
}

// compressionCases are for connections with compression only; without it they are
// violations, by the first reserved bit.
func compressionCases() []frameCase { // 12, 13
	return []frameCase{
		{"12 an example of the RFC", []frames{one(rawclient.Fin|rawclient.RSV1|0x1, "\xf2\x48\xcd\xc9\xc9\x07\x00")}, []string{"text:Hello"}, ""},
		{"12 a last block", []frames{one(rawclient.Fin|rawclient.RSV1|0x1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, []string{"text:Hello"}, ""},
		{"12 not compressed after all", []frames{one(rawclient.Fin|0x1, "a"), text("b"), one(rawclient.Fin|0x1, "c")}, []string{"text:a", "text:b", "text:c"}, ""},
		{"12 ping between compressed fragments", []frames{one(rawclient.RSV1|0x1, "\xf2\x48\xcd"), ping("p"), last("\xc9\xc9\x07\x00")}, []string{"pong:p", "text:Hello"}, ""},
		{"12 a continuation says that it is compressed", []frames{one(rawclient.RSV1|0x1, "\xf2\x48\xcd"), one(rawclient.Fin|rawclient.RSV1, "\xc9\xc9\x07\x00")}, []string{violated}, ""},
		{"12 junk", []frames{one(rawclient.Fin|rawclient.RSV1|0x1, "\xff\xff\xff")}, []string{invalid}, ""},
		{"12 cut data", []frames{one(rawclient.Fin|rawclient.RSV1|0x1, "\xf2\x48\xcd\xc9")}, []string{invalid}, ""},
	}
}

// CONN-9, CONN-10, CONN-11: each case in each mode, in chops of one size or, in a long run,
// of each.
func TestFrames(t *testing.T) {
	round := 0
	inAllModes(t, func(t *testing.T, m mode) {
		round++
		config := m.config()
		config.MaxMessageSize = maxTestMessage
		s := (&server{mode: m, config: config}).start(t)
		cases := frameCases()
		for _, x := range compressionCases() {
			if !m.deflate {
				x.want = []string{violated}
				if x.sent[0](m)[0]&rawclient.RSV1 == 0 {
					continue
				}
			}
			cases = append(cases, x)
		}
		for i, x := range cases {
			t.Run(x.name, func(t *testing.T) {
				var sent []byte
				for _, f := range x.sent {
					sent = append(sent, f(m)...)
				}
				chops := []int{len(sent), 997}
				if len(sent) < 500 {
					chops = append(chops, 1)
				}
				for n := range min(len(chops), long.Rounds(1, 3)) {
					x.run(t, s, sent, chops[(i+round+n)%len(chops)])
				}
			})
		}
	})
}

// run sends the frames in chops of a size, and reads the answers.
func (x frameCase) run(t *testing.T, s *server, sent []byte, chop int) {
	c := s.connect(t)
	defer c.Close()
	if x.after != "" {
		c.Write(text(x.after)(s.mode))
		c.expect("text:" + x.after)
	}
	go func() { // the server may have closed before it has all
		for b := range slices.Chunk(sent, chop) {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	for _, want := range x.want {
		got, err := c.ReadText()
		if got != want && !(want == violated || want == invalid || want == tooBig) || !strings.HasPrefix(got, want) || err != nil {
			t.Fatalf("in chops of %d: got %.80q, %v; want %.80q", chop, got, err, want)
		}
	}
	if n := len(x.want); n > 0 && strings.HasPrefix(x.want[n-1], "close:") {
		// What comes after its close makes the server's a reset.
		if got, err := c.ReadText(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("in chops of %d: got %.80q, %v after the close; want the end", chop, got, err)
		}
		return
	}
	c.Write(rawclient.Frame(rawclient.Fin|0x9, "still there"))
	if got, err := c.ReadText(); got != "pong:still there" {
		t.Fatalf("in chops of %d: got %.80q, %v; want the connection to stay", chop, got, err)
	}
}
