package pubsub_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// loud is an encoding that notes what it was given.
type loud struct {
	name string
	into *any
}

func (l loud) Name() string                  { return l.name }
func (l loud) Marshal(v any) ([]byte, error) { return json.Marshal(v) }
func (l loud) Unmarshal(data []byte, v any) error {
	*l.into = v
	return json.Unmarshal(data, v)
}

type stamp struct{ Place string }

// An encoding is a codec for each type: of values, and of pointers, which it is given itself.
func TestEncodingIsACodecForEachType(t *testing.T) {
	var into any
	e := loud{"loud", &into}
	values, pointers := pubsub.CodecOf[stamp](e), pubsub.CodecOf[*stamp](e)
	data, err := values.Encode("t", stamp{"berlin"})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := values.Decode("t", data); err != nil || v.Place != "berlin" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, ok := into.(*stamp); !ok {
		t.Errorf("a value is decoded into a %T", into)
	}
	p, err := pointers.Decode("t", data)
	if err != nil || p.Place != "berlin" {
		t.Errorf("%+v, %v", p, err)
	}
	if into != any(p) {
		t.Errorf("a pointer is decoded into a %T", into)
	}
	for name, c := range map[string]struct {
		codec pubsub.Codec[stamp]
		want  string
		err   error
	}{
		"the encoding's":  {values, "loud", nil},
		"by default":      {pubsub.CodecOf[stamp](nil), "", nil},
		"of no cluster":   {pubsub.CodecOf[stamp](new(pubsub.PubSub[int]).Encoding()), "", nil},
		"as long as can":  {pubsub.CodecOf[stamp](loud{name: strings.Repeat("x", 64)}), strings.Repeat("x", 64), nil},
		"longer than can": {pubsub.CodecOf[stamp](loud{name: strings.Repeat("x", 65)}), "", pubsub.ErrEncoding},
	} {
		if got, err := pubsub.NameOf(c.codec); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// What is named otherwise is not decoded.
func TestNamesOfCodecsAreCompared(t *testing.T) {
	var into any
	own := pubsub.CodecOf[stamp](loud{"loud", &into})
	for name, c := range map[string]struct {
		codec pubsub.Codec[stamp]
		came  string
		err   error
	}{
		"the same":     {own, "loud", nil},
		"JSON":         {pubsub.JSON[stamp]{}, "", nil},
		"called JSON":  {pubsub.CodecOf[stamp](loud{"json", &into}), "", nil},
		"another":      {own, "quiet", pubsub.ErrEncoding},
		"none":         {own, "", pubsub.ErrEncoding},
		"not for JSON": {pubsub.JSON[stamp]{}, strings.Repeat("x", 1000), pubsub.ErrEncoding},
		"too long":     {pubsub.CodecOf[stamp](loud{strings.Repeat("x", 65), &into}), strings.Repeat("x", 65), pubsub.ErrEncoding},
	} {
		v, err := pubsub.DecodeNamed(c.codec, c.came, "t", []byte(`{"Place":"lima"}`))
		if !errors.Is(err, c.err) || err == nil && v.Place != "lima" {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%s: a text of %d bytes", name, len(err.Error()))
		}
	}
}

// faulty is an encoding that cannot tell its name.
type faulty struct {
	loud
	tell func()
}

func (f faulty) Name() string {
	f.tell()
	return "faulty"
}

func TestClusterRefusesAnEncodingThatCannotTellItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, hang := pubsub.NewCluster(new(pubsub.Hub).Node("a")), make(chan struct{})
		for want, tell := range map[string]func(){
			"the encoding":  func() { panic("the encoding") },
			"Goexit":        runtime.Goexit,
			"took too long": func() { <-hang },
		} {
			if err := c.SetEncoding(faulty{tell: tell}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		close(hang)
		if got := c.Encoding().Name(); got != "json" {
			t.Errorf("%q", got)
		}
	})
}

func TestClusterRefusesAnEncodingWithoutAName(t *testing.T) {
	c := pubsub.NewCluster(new(pubsub.Hub).Node("a"))
	for _, e := range []pubsub.Encoding{nil, (*loud)(nil), loud{}, loud{name: strings.Repeat("x", 65)}} {
		if err := c.SetEncoding(e); err == nil {
			t.Errorf("%v is taken", e)
		}
	}
	if got := c.Encoding().Name(); got != "json" {
		t.Errorf("%q", got)
	}
	if err := c.SetEncoding(loud{name: "loud"}); err != nil || c.Encoding().Name() != "loud" {
		t.Errorf("%v, %q", err, c.Encoding().Name())
	}
}
