package ws

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

func TestPositionsAreReadAsTheyAreWritten(t *testing.T) {
	for _, p := range []Position{{"a", 0}, {"A-_9z", 1}, {strings.Repeat("x", maxEpoch), 1<<64 - 1}} {
		if got, err := ParsePosition(p.String()); got != p || err != nil {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
	if s := (Position{}).String(); s != "" {
		t.Errorf("no position is %q", s)
	}
}

func TestPositionsInJSON(t *testing.T) {
	type place struct {
		At    Position
		Count map[Position]int
	}
	for want, p := range map[string]place{
		`{"At":"@e:7","Count":{"@e:8":1}}`: {Position{"e", 7}, map[Position]int{{"e", 8}: 1}},
		`{"At":"","Count":{"":2}}`:         {Position{}, map[Position]int{{}: 2}},
	} {
		text, err := json.Marshal(p)
		if string(text) != want || err != nil {
			t.Errorf("%v is written as %s, %v", p, text, err)
		}
		read := place{At: Position{"before", 1}}
		if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, p) {
			t.Errorf("%s is read as %v, %v", text, read, err)
		}
	}
	for _, p := range []Position{{"", 5}, {"a b", 1}, {strings.Repeat("x", maxEpoch+1), 1}} {
		if text, err := json.Marshal(p); !errors.Is(err, ErrPosition) {
			t.Errorf("%v is written as %s, %v", p, text, err)
		}
	}
	kept := Position{"kept", 1}
	for _, text := range []string{`"@e:07"`, `"7"`, `"@:7"`, `" @e:7"`} {
		if err := json.Unmarshal([]byte(text), &kept); !errors.Is(err, ErrPosition) || kept != (Position{"kept", 1}) {
			t.Errorf("%s is read as %v, %v", text, kept, err)
		}
	}
}

// Whatever a client sends as since, it is a position of the log as it would be written, or
// what was missed is not complete.
func FuzzSince(f *testing.F) {
	for _, since := range []string{"null", `""`, `"@e:2"`, `"@e:1"`, `"@e:02"`, `"@e:18446744073709551616"`, `"@f:2"`, "2", `{"since":"@e:2"}`, `"\u0040e:2"`} {
		f.Add([]byte(`{"since":` + since + `}`))
	}
	f.Add([]byte(`{"SINCE":"@e:2","since":"@e:3"}`))
	h, err := History{Size: 2}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	log := newHistoryLog(h)
	log.epoch = "e"
	for range 3 {
		log.append(&wire.Message{Event: "n", Payload: noPayload}, "", time.Second)
	}
	f.Fuzz(func(t *testing.T, params []byte) {
		if !json.Valid(params) {
			return // is not let in
		}
		from, tracks, named := sinceOf(RawJSON(params))
		if named && !tracks || !named && !from.IsZero() {
			t.Errorf("%s: %v, %v, %v", params, from, tracks, named)
		}
		if !from.IsZero() {
			if again, err := ParsePosition(from.String()); err != nil || again != from {
				t.Errorf("%s: %v is read as %v, %v", params, from, again, err)
			}
		}
		if got, want := log.covers(from), from.Epoch == "e" && from.Offset >= 1 && from.Offset <= 3; got != want {
			t.Errorf("%s: covers %v: %v", params, from, got)
		}
		if n := log.behind(from.Offset); n > 2 {
			t.Errorf("%s: %d behind %v", params, n, from)
		}
	})
}
