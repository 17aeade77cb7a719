package group_test

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// encodings are those of nodes in a [hub], by name; JSON if there is none.
var encodings = map[string]pubsub.Encoding{"quoted 1": quoted{}, "quoted 2": quoted{}}

// quoted is an encoding of texts.
type quoted struct{}

func (quoted) Name() string                  { return "quoted" }
func (quoted) Marshal(v any) ([]byte, error) { return []byte(strconv.Quote(v.(string))), nil }
func (quoted) Unmarshal(data []byte, v any) (err error) {
	*v.(*string), err = strconv.Unquote(string(data))
	return err
}

// A message is encoded as its node does, unless it has a codec of its own; one in another encoding
// than its receiver's is lost there, and counted.
func TestMessagesAreEncodedByTheirNodes(t *testing.T) {
	own := text
	own.Name, own.Codec = "own", pubsub.JSON[string]{}
	for _, c := range []struct {
		from, to string
		m        group.Message[string, string]
		lost     uint64
	}{
		{"quoted 1", "quoted 2", text, 0},
		{"quoted 1", "a", text, 1},
		{"a", "quoted 1", text, 1},
		{"a", "quoted 1", own, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			sys, sets := newSystem(t), newSets(c.from, c.to)
			hub(t, sys, new(pubsub.Hub), sets)
			if err := sets[c.to].Serve(text, own); err != nil {
				t.Fatal(err)
			}
			pid, got := sink(t, sys)
			join(t, sets[c.to], "g", pid)
			synctest.Wait()
			if err := errors.Join(c.m.SendAll(sets[c.from].Group("g"), "all"), c.m.SendOne(sets[c.from].Group("g"), "one")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n, lost := len(got), sets[c.to].Stats().Lost; lost != 2*c.lost || n != int(2-lost) {
				t.Errorf("%q from %s to %s: %d have come, %d are lost", c.m.Name, c.from, c.to, n, lost)
			}
		})
	}
}

// hub is a cluster of sets on nodes with these names.
func hub(t *testing.T, sys *actor.System, h *pubsub.Hub, sets map[string]*group.Set[string]) map[string]supervisor.Tree {
	t.Helper()
	trees := make(map[string]supervisor.Tree)
	for name, set := range sets {
		cluster := pubsub.NewCluster(h.Node(name))
		if e := encodings[name]; e != nil {
			if err := cluster.SetEncoding(e); err != nil {
				t.Fatal(err)
			}
		}
		tree, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
			supervisor.Actor("cluster", cluster.Behavior), group.Child(set, cluster, "test"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		trees[name] = tree
	}
	return trees
}

func newSets(names ...string) map[string]*group.Set[string] {
	sets := make(map[string]*group.Set[string])
	for _, name := range names {
		sets[name] = new(group.Set[string])
	}
	return sets
}

// sink is an actor that takes texts, up to a limit if that is not zero.
func sink(t *testing.T, sys *actor.System, opts ...actor.Option) (actor.PID, chan string) {
	t.Helper()
	got := make(chan string, 10_000)
	ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], m string) error {
		got <- m
		return nil
	}), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID(), got
}

// text is a message to sinks.
var text = group.Message[string, string]{Name: "text", Make: func(s string) string { return s }}

func where(members []group.Member) (nodes []string) {
	for _, m := range members {
		nodes = append(nodes, m.Node())
	}
	slices.Sort(nodes)
	return nodes
}

// PG-3, PG-4, PG-5: members of all nodes are listed and told of, with their node.
func TestMembersOfOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		sets := newSets("a", "b", "c")
		early := idle(t, sys).PID() // has joined before there was a cluster
		join(t, sets["b"], "g", early)
		trees := hub(t, sys, new(pubsub.Hub), sets)
		var j journal
		defer sets["a"].Observe("g", j.tell).Stop()
		synctest.Wait()
		pid := idle(t, sys).PID()
		join(t, sets["c"], "g", pid)
		join(t, sets["c"], "g", pid)
		synctest.Wait()
		for name, s := range sets {
			want := slices.DeleteFunc([]string{"b", "c", "c"}, func(n string) bool { return n == name })
			for len(want) < 3 {
				want = slices.Insert(want, 0, "")
				if name == "b" {
					break
				}
			}
			if got := where(s.Members("g")); !slices.Equal(got, want) {
				t.Errorf("%s: members on %q, want %q", name, got, want)
			}
			if !slices.Equal(s.Groups(), []string{"g"}) {
				t.Errorf("%s: groups %v", name, s.Groups())
			}
		}
		if local := sets["a"].LocalMembers("g"); local != nil {
			t.Errorf("members of others are said to be here: %v", local)
		}
		twice := sets["a"].Members("g")[1:]
		if twice[0] != twice[1] || twice[0].String() != "1@c" || !twice[0].PID().IsZero() {
			t.Errorf("one that has joined twice is %v", twice)
		}
		leave(t, sets["c"], "g", pid)
		synctest.Wait()
		end(t, early)
		synctest.Wait()
		if err := trees["c"].Stop(t.Context()); err != nil { // SIGTERM
			t.Error(err)
		}
		synctest.Wait()
		if got := sets["a"].Members("g"); got != nil {
			t.Errorf("members are left: %v", got)
		}
		if len(sets["c"].Members("g")) != 1 {
			t.Error("the member's own node has lost it")
		}
		var told []string
		for _, e := range j.events {
			for _, node := range where(e.Members) {
				told = append(told, e.Kind.String()+" "+node)
			}
		}
		want := []string{"joined b", "joined c", "joined c", "left c", "left b", "left c"}
		if told[0] == "members b" {
			want[0] = told[0]
		}
		if !slices.Equal(told, want) {
			t.Errorf("told of %v, want %v", told, want)
		}
	})
}

func drain(got chan string) (list []string) {
	for len(got) > 0 {
		list = append(list, <-got)
	}
	return list
}

// What is sent to all reaches each member on each node, in order; what is sent to one reaches one,
// each as often as the others.
func TestMessagesReachMembersOnAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sent = 400
		sys, sets := newSystem(t), newSets("a", "b")
		hub(t, sys, new(pubsub.Hub), sets)
		var sinks []chan string
		for _, name := range []string{"a", "b", "b", "b"} {
			if len(sinks) < 2 {
				if err := sets[name].Serve(text); err != nil {
					t.Fatal(err)
				}
			}
			pid, got := sink(t, sys)
			join(t, sets[name], "g", pid)
			sinks = append(sinks, got)
		}
		synctest.Wait()
		for i := range sent {
			if err := text.SendAll(sets["a"].Group("g"), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i, got := range sinks {
			list := drain(got)
			if len(list) != sent || list[0] != "0" || list[sent-1] != fmt.Sprint(sent-1) {
				t.Errorf("member %d got %d of %d: %v", i, len(list), sent, list)
			}
		}
		for range sent {
			if err := text.SendOne(sets["a"].Group("g"), "one"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		sum := 0
		for i, got := range sinks {
			n := len(drain(got))
			if n < sent/8 || n > sent/2 { // a quarter each; one in 10^9 is outside
				t.Errorf("member %d got %d of %d", i, n, sent)
			}
			sum += n
		}
		if sum != sent {
			t.Errorf("%d of %d arrived", sum, sent)
		}
		if s := sets["b"].Stats(); s.Lost != 0 || s.Nodes != 1 || s.FarMembers != 1 || s.Received == 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// What does not reach its members is counted, and told.
func TestLostMessagesAreCountedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, sets := newSystem(t), newSets("a", "b")
		told := make(chan group.MessagesLost, 10)
		defer sys.Observe(func(e actor.Event) {
			if e, ok := e.(group.MessagesLost); ok {
				told <- e
			}
		})()
		hub(t, sys, new(pubsub.Hub), sets)
		if err := sets["b"].Serve(text); err != nil {
			t.Fatal(err)
		}
		pid, _ := sink(t, sys)
		join(t, sets["b"], "g", pid)
		join(t, sets["b"], "h", idle(t, sys).PID()) // which takes other messages
		synctest.Wait()
		other := group.Message[string, string]{Name: "other", Make: text.Make}
		if err := other.SendAll(sets["a"].Group("g"), "x"); err != nil { // not served
			t.Error(err)
		}
		if err := text.SendAll(sets["a"].Group("h"), "x"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := sets["b"].Stats().Lost; n != 2 {
			t.Errorf("%d messages are lost, want 2", n)
		}
		if e := await(t, told); e != (group.MessagesLost{Node: "b", Set: "test", Messages: 2, Total: 2}) {
			t.Errorf("told %+v", e)
		}
	})
}

// The rest of what a message may meet here.
func TestSendingFails(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	if err := text.SendAll(s.Group("g"), "x"); err != nil {
		t.Errorf("to nobody: %v", err)
	}
	for _, to := range []group.Group{s.Group("g"), {}} {
		if err := text.SendOne(to, "x"); !errors.Is(err, group.ErrNoMembers) {
			t.Errorf("to one of nobody: %v", err)
		}
	}
	join(t, &s, "g", idle(t, sys).PID())
	for _, send := range []func(group.Group, string) error{text.SendAll, text.SendOne} {
		if err := send(s.Group("g"), "x"); err == nil || !strings.Contains(err.Error(), "another type") {
			t.Errorf("to one that takes other messages: %v", err)
		}
	}
	pid, got := sink(t, sys)
	join(t, &s, "g", pid)
	for range 20 { // the one that can take it gets it
		if err := text.SendOne(s.Group("g"), "x"); err != nil {
			t.Fatal(err)
		}
		await(t, got)
	}
}

func TestServeRefusesWhatItCannotServe(t *testing.T) {
	var s group.Set[string]
	for want, m := range map[string]group.Served{
		"nil":    nil,
		"a name": group.Message[string, string]{Make: text.Make},
		"Make":   group.Message[string, string]{Name: "x"},
	} {
		if err := s.Serve(text, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("served, %v: want %q", err, want)
		}
	}
	if err := s.Serve(text); err != nil {
		t.Errorf("after failures: %v", err)
	}
	if err := s.Serve(text); err == nil {
		t.Error("the same was served twice")
	}
}

// A large state is told in parts, at the pace that there is room for, also while it changes.
func TestManyMembersPassNarrowQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const members = 2000
		sys, sets := newSystem(t), newSets("a", "b")
		for i := range members {
			join(t, sets["a"], fmt.Sprint(strings.Repeat("long", 50), i), idle(t, sys).PID())
		}
		h := &pubsub.Hub{QueueLimit: 2}
		hub(t, sys, h, sets)
		for i := range 100 {
			pid := idle(t, sys).PID()
			join(t, sets["a"], "g", pid)
			if i%2 == 0 {
				end(t, pid)
			}
			time.Sleep(3 * time.Millisecond)
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if n := sets["b"].Stats().FarMembers; n != members+50 || len(sets["b"].Members("g")) != 50 {
			t.Errorf("%d members are known, want %d", n, members+50)
		}
	})
}

// A child does not start where it could not work.
func TestChildThatCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		var h pubsub.Hub
		cluster := pubsub.NewCluster(h.Node("a"))
		var first, second group.Set[string]
		start := func(s *group.Set[string], c *pubsub.Cluster, name string) error {
			_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{group.Child(s, c, name)}})
			return err
		}
		if err := start(&first, cluster, "x"); err != nil {
			t.Fatal(err)
		}
		if err := start(&second, pubsub.NewCluster(struct{ pubsub.Adapter }{h.Node("b")}), "x"); !errors.Is(err, pubsub.ErrNoRoster) {
			t.Errorf("without a roster: %v", err)
		}
		for want, err := range map[string]error{
			"taken":           start(&second, cluster, "x"),
			"needs a name":    start(&second, cluster, ""),
			`name has no "/"`: start(&second, cluster, "a/b"),
			"already":         start(&first, cluster, "y"),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("started, %v: want %q", err, want)
			}
		}
		if err := start(&second, cluster, "y"); err != nil {
			t.Errorf("after failures: %v", err)
		}
	})
}

// Users' code that fails for a message of another node costs that message.
func TestFaultOfAMessageCostsTheMessage(t *testing.T) {
	var typedNil *fs.PathError
	for name, fault := range map[string]func(held chan struct{}) error{
		"error":  func(chan struct{}) error { return typedNil },
		"panic":  func(chan struct{}) error { panic(typedNil) },
		"Goexit": func(chan struct{}) error { runtime.Goexit(); return nil },
		"block":  func(held chan struct{}) error { <-held; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := make(chan struct{})
				bad := group.Message[string, string]{Name: "bad", Make: text.Make, Codec: codec(func() error { return fault(held) })}
				sys, sets := newSystem(t), newSets("a", "b")
				hub(t, sys, new(pubsub.Hub), sets)
				if err := sets["b"].Serve(text, bad); err != nil {
					t.Fatal(err)
				}
				pid, got := sink(t, sys)
				join(t, sets["b"], "g", pid)
				synctest.Wait()
				to := sets["a"].Group("g")
				for range 2 {
					if err := errors.Join(bad.SendAll(to, "bad"), text.SendAll(to, "good")); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(5 * time.Second)
				if list := drain(got); !slices.Equal(list, []string{"good", "good"}) {
					t.Errorf("arrived: %q", list)
				}
				if n := sets["b"].Stats().Lost; n != 2 {
					t.Errorf("%d are lost, want 2", n)
				}
				close(held)
			})
		})
	}
}

// codec fails to decode.
type codec func() error

func (codec) Encode(_, s string) ([]byte, error) { return []byte(s), nil }
func (c codec) Decode(string, []byte) (string, error) {
	if err := c(); err != nil {
		return "", err
	}
	return "decoded", nil
}
