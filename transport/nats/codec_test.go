package nats

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// backwards is an encoding that is JSON from its end.
type backwards struct{ name string }

func (b backwards) Name() string { return b.name }

func (backwards) Marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	slices.Reverse(data)
	return data, err
}

func (backwards) Unmarshal(data []byte, v any) error {
	data = slices.Clone(data)
	slices.Reverse(data)
	return json.Unmarshal(data, v)
}

// encoded has a node encode so; nil is JSON by default.
func encoded(t *testing.T, c *pubsub.Cluster, e pubsub.Encoding) {
	t.Helper()
	if e == nil {
		return
	}
	if err := c.SetEncoding(e); err != nil {
		t.Fatal(err)
	}
}

// Calls are encoded by what their nodes have, and one in another encoding is refused, by a
// typed error, before anything is made of it.
func TestCallsAreEncodedByTheirNodes(t *testing.T) {
	s := startServer(t)
	other := pubsub.CodecOf[string](backwards{"other"})
	for name, c := range map[string]struct {
		here, there pubsub.Encoding
		method      func(*Method[order, string, string])
		err         error
		done        bool // by the callee
	}{
		"the same":                {here: backwards{"a"}, there: backwards{"a"}},
		"another here":            {here: backwards{"a"}, err: pubsub.ErrEncoding},
		"another there":           {there: backwards{"a"}, err: pubsub.ErrEncoding},
		"two others":              {here: backwards{"a"}, there: backwards{"b"}, err: pubsub.ErrEncoding},
		"the method's, by a name": {here: backwards{"a"}, method: func(m *Method[order, string, string]) { m.Requests, m.Responses = other, other }},
		"the method's, without": {here: backwards{"a"}, method: func(m *Method[order, string, string]) {
			m.Requests, m.Responses = pubsub.JSON[string]{}, pubsub.JSON[string]{}
		}},
		"another for the answer": {here: backwards{"a"}, method: func(m *Method[order, string, string]) { m.Requests = other }, err: pubsub.ErrEncoding, done: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := prefix()
			here, there := newStation(t, s, cluster, "here", NamesConfig{}), newStation(t, s, cluster, "there", NamesConfig{})
			encoded(t, here.cluster, c.here)
			encoded(t, there.cluster, c.there)
			m := do
			m.Name = "tell"
			if c.method != nil {
				c.method(&m)
			}
			if err := there.Serve(m); err != nil {
				t.Fatal(err)
			}
			_, got := there.worker(t, "desk")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			v, err := m.Call(ctx, here.find(t, "desk"), "say hello")
			if !errors.Is(err, c.err) || err == nil && v != "hello" {
				t.Errorf("%q, %v, want %v", v, err, c.err)
			}
			if c.err != nil {
				var e *CallError
				if !errors.As(err, &e) || e.Ended {
					t.Errorf("%T: %v", err, err)
				}
			}
			if done := c.err == nil || c.done; len(got) > 0 != done {
				t.Errorf("it was carried out: %v, want %v", len(got) > 0, done)
			}
		})
	}
}

// A caller of before, whose requests name no encoding, is answered as it was.
func TestFramesNameTheirEncodingBehindTheBody(t *testing.T) {
	q := request{kind: toCall, name: "n", method: "m", body: []byte("body")}
	r := reply{outcome: gaveValue, body: []byte("body")}
	plainRequest, plainReply := q.encode(), r.encode()
	q.codec, r.codec = "protobuf", "protobuf"
	if got := string(q.encode()); got != string(plainRequest)+"\x08protobuf" {
		t.Errorf("%q", got)
	}
	if got := string(r.encode()); got != string(plainReply)+"\x08protobuf" {
		t.Errorf("%q", got)
	}
	if got, err := decodeRequest(plainRequest); err != nil || got.codec != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := decodeRequest(append(q.encode(), "of a later version"...)); err != nil || got.codec != "protobuf" || string(got.body) != "body" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := decodeReply(r.encode()); err != nil || got.codec != "protobuf" || string(got.body) != "body" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := decodeReply(append(plainReply, 0xff)); err == nil {
		t.Error("a name without an end is taken for one")
	}
}

// logs is where a node's log goes, by lines.
type logs chan string

func (l logs) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// A singleton's state is encoded by its node, and one in another encoding is lost, as the log
// says: it is not taken for what it is not.
func TestSingletonsStateIsEncodedByItsNode(t *testing.T) {
	s := startServer(t)
	for name, c := range map[string]struct {
		b    pubsub.Encoding
		want []string
	}{
		"the same":      {backwards{"a"}, []string{"x"}},
		"another there": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, lines := prefix(), make(logs, 1000)
			config := NamesConfig{Logger: slog.New(slog.NewTextHandler(lines, nil))}
			na, nb := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
			encoded(t, na.cluster, backwards{"a"})
			encoded(t, nb.cluster, c.b)
			a := stand(t, na, nil)
			first := await(t, a.began)
			a.send(t, "x")
			first.settled(t)
			b := stand(t, nb, nil)
			a.stop(t)
			await(t, b.began).expectHanded(t, c.want...)
			for c.want == nil {
				if line := await(t, lines); strings.Contains(line, pubsub.ErrEncoding.Error()) {
					break
				}
			}
		})
	}
}

// A node's Config has the encoding of its cluster.
func TestNodeIsGivenACodec(t *testing.T) {
	s := startServer(t)
	c := Config{URL: s.ClientURL(), Name: "a", Cluster: prefix(), Codec: backwards{"a"}}
	n, ps := newMember(t, c)
	if got := n.Cluster().Encoding().Name(); got != "a" {
		t.Errorf("%q", got)
	}
	if got := ps.Encoding().Name(); got != "a" {
		t.Errorf("%q by the PubSub", got)
	}
	for _, e := range []pubsub.Encoding{backwards{}, backwards{strings.Repeat("x", 65)}, (*backwards)(nil)} {
		c.Codec = e
		if n, err := Join(context.Background(), c); err == nil {
			n.Close()
			t.Errorf("joined with %#v", e)
		}
	}
}
