package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// command is one thing that this program can do.
type command struct {
	name, args, does string
	run              func(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error
}

func commands() []command {
	return []command{
		{"tree", "", "the actors, as a tree", tree},
		{"top", "", "the actors with most of a figure, see -by", top},
		{"actor", "PID", "all that is known of one actor", oneActor},
		{"crashes", "", "what has crashed, alike by alike, and what came before", crashes},
		{"timeline", "", "what has started, ended and crashed", timeline},
		{"sockets", "", "the connections", sockets},
		{"topics", "", "the topics that clients have joined", topics},
		{"topic", "NAME", "who has joined one, and who is present", oneTopic},
		{"tables", "", "the names of the program's own tables, and of its endpoints", tables},
		{"table", "NAME", "one of these tables", table},
		{"cluster", "", "the nodes", cluster},
		{"watch", "", "the changes of the tree, as they come", watch},
		{"trace", "PID", "what an actor handles from now on, for a minute", trace},
		{"act", "PID ACT", "exit, crash, kill, suspend, resume or disconnect", act},
	}
}

func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// list returns the commands, a line each.
func list() string {
	var b strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-12s %s\n", strings.TrimSpace(c.name+" "+c.args), c.does)
	}
	return b.String()
}

// params are those of a question.
type params map[string]any

// with returns params with what the flags say.
func (w wishes) with(p params) params {
	all := params{"limit": w.limit, "filter": w.filter}
	if w.node != "" {
		all["node"] = w.node
	}
	maps.Copy(all, p)
	return all
}

// tree asks for one level after the other: an observer shows the children of those that are
// open, because there may be a million.
func tree(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	var t query.Tree
	open := []string{}
	for range max(w.depth, 1) {
		t = query.Tree{}
		if err := o.ask(ctx, "tree", w.with(params{"open": open}), &t); err != nil {
			return err
		}
		before := len(open)
		if open = parents(open[:0], t.Root); len(open) == before {
			break
		}
	}
	return show(out, w, &t, func() {
		for _, m := range t.Matches {
			fmt.Fprintln(out, nodeText(m.Node), " in ", pathText(m.Path))
		}
		if t.Root != nil {
			drawTree(out, t.Root, "")
		} else if rest := t.Total - len(t.Matches); rest > 0 {
			fmt.Fprintf(out, "… and %d more\n", rest)
		}
	})
}

// parents appends the actors of a tree that have children.
func parents(list []string, n *query.Node) []string {
	if n == nil {
		return list
	}
	if n.Count > 0 && n.PID != "" {
		list = append(list, n.PID)
	}
	for _, child := range n.Children {
		list = parents(list, child)
	}
	return list
}

// pid lets one leave out the brackets of a PID, which a shell has its own use for.
func pid(arg string) string {
	if strings.HasPrefix(arg, "<") {
		return arg
	}
	return "<" + arg + ">"
}

func oneActor(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error {
	return tell(ctx, o, out, w, "actor", w.with(params{"pid": pid(args[0])}), func(a *query.Actor) { printActor(out, a) })
}

func crashes(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return tell(ctx, o, out, w, "crashes", w.with(nil), func(c *query.Crashes) { printCrashes(out, c) })
}

func timeline(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return tell(ctx, o, out, w, "timeline", w.with(nil), func(t *query.Timeline) {
		if t.Lost > 0 {
			fmt.Fprintf(out, "… after %d others\n", t.Lost)
		}
		printEvents(out, "", t.Events)
	})
}

func sockets(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return tell(ctx, o, out, w, "sockets", w.with(params{"endpoint": w.endpoint}), func(s *query.Sockets) {
		g := newGrid("pid", "id", "remote", "transport", "since", "channels", "to write")
		for _, r := range s.Rows {
			g.add(r.PID, r.ID, r.Remote, r.Transport, clock(r.Since), r.Channels, size(r.QueueBytes))
		}
		g.print(out, s.Total)
	})
}

func topics(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return tell(ctx, o, out, w, "topics", w.with(params{"endpoint": w.endpoint}), func(t *query.Topics) {
		g := newGrid("topic", "route", "channels", "present")
		for _, r := range t.Rows {
			g.add(r.Topic, r.Route, r.Channels, r.Presence)
		}
		g.print(out, t.Total)
	})
}

func oneTopic(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error {
	return tell(ctx, o, out, w, "topic", w.with(params{"endpoint": w.endpoint, "topic": args[0]}), func(t *query.Topic) {
		g := newGrid("channel", "of connection", "id", "handler", "to handle")
		for _, c := range t.Channels {
			g.add(c.PID, c.Connection, c.ID, c.Handler, size(int(c.Waiting)))
		}
		g.print(out, t.Total)
		if t.PresenceTotal == 0 {
			return
		}
		fmt.Fprintln(out)
		g = newGrid("present", "times")
		for _, p := range t.Presence {
			g.add(p.Key, p.Count)
		}
		g.print(out, t.PresenceTotal)
	})
}

// tables needs no question: the observer has said it.
func tables(_ context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	return show(out, w, o.hello, func() {
		fmt.Fprintln(out, "tables:", listed(o.hello.Tables))
		fmt.Fprintln(out, "endpoints:", listed(o.hello.Endpoints))
	})
}

func table(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error {
	return tell(ctx, o, out, w, "table", w.with(params{"name": args[0]}), func(t *query.TableRows) {
		g := newGrid(t.Columns...)
		for _, row := range t.Rows {
			cells := make([]any, len(row))
			for i, cell := range row {
				cells[i] = cell
			}
			g.add(cells...)
		}
		g.print(out, t.Total)
	})
}

// act does something to an actor. The observer logs it, with a name.
func act(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error {
	var done struct{}
	if err := o.ask(ctx, "act", params{"pid": pid(args[0]), "act": args[1]}, &done); err != nil {
		return err
	}
	return show(out, w, done, func() { fmt.Fprintf(out, "%s: %s done\n", args[0], args[1]) })
}

// watch prints what changes in the tree, until it is interrupted.
func watch(ctx context.Context, o *remote, out io.Writer, w wishes, _ []string) error {
	lines := make(chan string, 1000)
	say := sayer(lines)
	o.channel.On("changed", func(m wsclient.Message) {
		var c changed
		if err := m.Payload.Decode(&c); err != nil {
			say("a change that cannot be read: %v", err)
			return
		}
		c.tell(say)
	})
	o.channel.On("reset", func(wsclient.Message) { o.end(nil) })
	for {
		if err := tree(ctx, o, io.Discard, w, nil); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s what changes from now on:\n", clock(time.Now().UnixMilli()))
		if err := printUntil(ctx, out, lines, o.over); err != nil {
			return err
		}
		fmt.Fprintln(out, "… more has changed than could be told")
	}
}

// trace prints what an actor handles, until the observer ends that.
func trace(ctx context.Context, o *remote, out io.Writer, w wishes, args []string) error {
	lines := make(chan string, 1000)
	say := sayer(lines)
	o.channel.On("traced", func(m wsclient.Message) {
		var t traced
		if err := m.Payload.Decode(&t); err != nil {
			say("a message that cannot be read: %v", err)
			return
		}
		t.tell(say)
	})
	o.channel.On("traceEnded", func(m wsclient.Message) {
		var end struct{ Why string }
		_ = m.Payload.Decode(&end) // it has ended, whatever it says
		say("it ends: %s", end.Why)
		o.end(nil)
	})
	var done struct{}
	if err := o.ask(ctx, "trace", params{"pid": pid(args[0]), "on": true}, &done); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s what it handles from now on:\n", clock(time.Now().UnixMilli()))
	return printUntil(ctx, out, lines, o.over)
}

// sayer returns a function that writes lines for printUntil. What is not printed fast enough
// is left out.
func sayer(lines chan<- string) func(format string, args ...any) {
	return func(format string, args ...any) {
		select {
		case lines <- fmt.Sprintf(format, args...):
		default:
		}
	}
}

// printUntil prints lines as they come, and those that wait when the end comes.
func printUntil(ctx context.Context, out io.Writer, lines <-chan string, end <-chan error) error {
	for {
		select {
		case line := <-lines:
			fmt.Fprintln(out, line)
		case err := <-end:
			for len(lines) > 0 {
				fmt.Fprintln(out, <-lines)
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func clock(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format("15:04:05.000")
}
