package schema

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

// Inputs of a megabyte, wrong in the way that takes longest to explain.
const large = 1 << 20

type (
	chain struct {
		Next *chain `json:"next,omitempty"`
		Bad  []int  `json:"bad,omitempty"`
	}
	wide struct {
		A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z int `json:",omitempty"`
		Bad                                                                          int
	}
	mixed struct {
		Bad    int               `json:"bad"`
		Ints   []int             `json:"ints,omitempty"`
		Floats []float64         `json:"floats,omitempty"`
		Texts  []string          `json:"texts,omitempty"`
		Bytes  [][]byte          `json:"bytes,omitempty"`
		Raw    []json.RawMessage `json:"raw,omitempty"`
		Times  []time.Time       `json:"times,omitempty"`
		Any    []any             `json:"any,omitempty"`
		Map    map[string]int    `json:"map,omitempty"`
		Notes  []note            `json:"notes,omitempty"`
		Wide   []wide            `json:"wide,omitempty"`
	}
)

// fill repeats a part, with commas between, until a megabyte is full.
func fill(before, part, after string) string {
	n := (large - len(before) - len(after)) / (len(part) + 1)
	return before + strings.Repeat(part+",", n-1) + part + after
}

type worst struct {
	name   string
	decode func(string) *Mismatch
	plain  func(string) error
	in     string
}

func worstOf[T any](name, in string) worst {
	return worst{name, decodeAs[T], func(in string) error { var v T; return json.Unmarshal([]byte(in), &v) }, in}
}

func worstInputs() []worst {
	deep := strings.Repeat(`{"next":`, 5000)
	return []worst{
		worstOf[map[string][]int]("below a long key", fill(`{"`+strings.Repeat("k", large/2)+`":[`, `""`, `]}`)),
		worstOf[map[string]map[string]int]("keys below a long key", fill(`{"`+strings.Repeat("k", large/2)+`":{`, `"":""`, `}}`)),
		worstOf[chain]("deep", fill(deep+`{"bad":[`, `""`, `]}`+strings.Repeat("}", 5000))),
		worstOf[mixed]("one wrong among integers", fill(`{"bad":"","ints":[`, `1`, `]}`)),
		worstOf[mixed]("one wrong among nulls", fill(`{"bad":"","ints":[`, `null`, `]}`)),
		worstOf[mixed]("one wrong among floats", fill(`{"bad":"","floats":[`, `1.5`, `]}`)),
		worstOf[mixed]("one wrong among texts", fill(`{"bad":"","texts":[`, `""`, `]}`)),
		worstOf[mixed]("one wrong among bytes", fill(`{"bad":"","bytes":[`, `""`, `]}`)),
		worstOf[mixed]("one wrong among raw messages", fill(`{"bad":"","raw":[`, `1`, `]}`)),
		worstOf[mixed]("one wrong among times", fill(`{"bad":"","times":[`, `"2026-01-02T03:04:05Z"`, `]}`)),
		worstOf[mixed]("one wrong among values of any type", fill(`{"bad":"","any":[`, `[]`, `]}`)),
		worstOf[mixed]("one wrong among keys", fill(`{"bad":"","map":{`, `"":1`, `}}`)),
		worstOf[mixed]("one wrong among escaped keys", fill(`{"bad":"","map":{`, `"\n":1`, `}}`)),
		worstOf[mixed]("one wrong among objects", fill(`{"bad":"","notes":[`, `{"body":""}`, `]}`)),
		worstOf[mixed]("one wrong among empty objects", fill(`{"bad":"","wide":[`, `{"Bad":1}`, `]}`)),
		worstOf[wide]("unknown keys", fill(`{"Bad":"",`, `"k":1`, `}`)),
		worstOf[wide]("unknown keys with escapes", fill(`{"Bad":"",`, `"\n":1`, `}`)),
		worstOf[wide]("keys in another case", fill(`{"Bad":"",`, `"z":1`, `}`)),
		worstOf[wide]("unknown keys in another script", fill(`{"Bad":"",`, `"ſK":1`, `}`)),
		worstOf[[]note]("objects that lack something", fill(`[`, `{}`, `]`)),
	}
}

// An op is the decoding of a megabyte and the explanation of what is wrong with it.
// times is what that takes, as a multiple of json.Unmarshal alone.
func BenchmarkExplain(b *testing.B) {
	for _, w := range worstInputs() {
		b.Run(w.name, func(b *testing.B) {
			start := time.Now()
			const rounds = 3
			for range rounds {
				if w.plain(w.in) == nil && !strings.Contains(w.name, "lack") {
					b.Fatal("nothing is wrong")
				}
			}
			plain := time.Since(start) / rounds
			b.ReportAllocs()
			for b.Loop() {
				if w.decode(w.in) == nil {
					b.Fatal("nothing is wrong")
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(plain), "times")
		})
	}
}

// What is sent to be explained costs no more than a few times what decoding it does,
// and that is told by what is allocated: a path that is put together anew for each of
// 200,000 problems is 100 GB.
func TestExplainingAnErrorCostsLittleMoreThanDecoding(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates, too")
	}
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for _, w := range worstInputs() {
		t.Run(w.name, func(t *testing.T) {
			plain := allocated(func() { w.plain(w.in) })
			var err *Mismatch
			explained := allocated(func() { err = w.decode(w.in) })
			t.Logf("%d kB, and plain %d kB", explained>>10, plain>>10)
			if explained > 4*plain+large {
				t.Errorf("%d kB are allocated, and %d kB for decoding alone", explained>>10, plain>>10)
			}
			size := 0
			for field, problem := range err.Fields {
				size += len(field) + len(problem)
			}
			if len(err.Fields) == 0 || len(err.Fields) > maxReports || size > maxReports*200 {
				t.Errorf("the mismatch is %.200v", err)
			}
		})
	}
}

// picky notes how often it is asked to decode.
type picky struct{}

var picked atomic.Int64

func (*picky) UnmarshalJSON([]byte) error { picked.Add(1); return errors.New("no") }

// After sixteen reports nothing is looked at any more, though all be of one path.
func TestExplainingStopsAfterSixteenReports(t *testing.T) {
	for name, c := range map[string]struct {
		decode func(string) *Mismatch
		in     string
	}{
		"elements":  {decodeAs[map[string][]picky], `{"a":[` + many(`1`) + `]}`},
		"values":    {decodeAs[map[string][]map[string]picky], `{"a":[` + many(`{"b":1}`) + `]}`},
		"fields":    {decodeAs[[]struct{ A picky }], `[` + many(`{"A":1}`) + `]`},
		"far apart": {decodeAs[map[string][][]picky], `{"a":[` + many(`[1,1]`) + `]}`},
	} {
		picked.Store(0)
		if err := c.decode(c.in); err == nil {
			t.Errorf("%s: decoded", name)
		}
		if n := picked.Load(); n != 1+16 { // decoding itself stops at the first
			t.Errorf("%s: %d values were decoded, want 17", name, n)
		}
	}
}

func many(part string) string { return strings.Repeat(part+",", 999) + part }
