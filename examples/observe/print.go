package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
)

// grid is a table as text.
type grid struct{ rows [][]string }

func newGrid(columns ...string) *grid { return &grid{[][]string{columns}} }

func (g *grid) add(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = strings.ReplaceAll(fmt.Sprint(cell), "\t", " ")
	}
	g.rows = append(g.rows, row)
}

// print prints the rows that there are, of so many in all.
func (g *grid) print(out io.Writer, total int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range g.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // out has said what is wrong with it
	if rest := total - (len(g.rows) - 1); rest > 0 {
		fmt.Fprintf(out, "… and %d more\n", rest)
	}
}

// drawTree draws what is under a node, and the node before that.
func drawTree(out io.Writer, n *query.Node, indent string) {
	if n.Kind == query.KindSystem {
		fmt.Fprintln(out, "system")
	}
	for i, child := range n.Children {
		branch, below := "├─ ", "│  "
		if i == len(n.Children)-1 && n.More == 0 {
			branch, below = "└─ ", "   "
		}
		fmt.Fprintln(out, indent+branch+nodeText(child))
		drawTree(out, child, indent+below)
	}
	switch {
	case n.More > 0:
		fmt.Fprintf(out, "%s└─ … and %d more\n", indent, n.More)
	case n.Children == nil && n.Count > 0:
		fmt.Fprintf(out, "%s└─ … %d below\n", indent, n.Count)
	}
}

// nodeText is what a line of the tree says.
func nodeText(n *query.Node) string {
	var b strings.Builder
	kind := n.Behavior
	if n.Kind == query.KindSupervisor {
		kind = strings.TrimSpace("supervisor " + n.Strategy)
	}
	name, label := cmp.Or(n.ID, n.Name, n.Label), ""
	if n.Label != name && n.Label != "" {
		label = "(" + n.Label + ")"
	}
	for _, word := range []string{name, n.PID, label, kind, n.Status} {
		if word != "" {
			b.WriteString(word + " ")
		}
	}
	if n.Queue > 0 {
		fmt.Fprintf(&b, "waiting:%d ", n.Queue)
	}
	if n.Restarts > 0 {
		fmt.Fprintf(&b, "restarts:%d ", n.Restarts)
	}
	return strings.TrimSpace(b.String())
}

func pathText(path []query.Link) string {
	names := make([]string, len(path))
	for i, l := range path {
		names[i] = linkText(l)
	}
	return strings.Join(names, " / ")
}

func linkText(l query.Link) string { return cmp.Or(l.Label, l.PID) }

func linksText(l query.Links) string {
	names := make([]string, len(l.List))
	for i, link := range l.List {
		names[i] = strings.TrimSpace(link.PID + " " + link.Label)
	}
	if l.More > 0 {
		names = append(names, fmt.Sprintf("and %d more", l.More))
	}
	return strings.Join(names, ", ")
}

func printActor(out io.Writer, a *query.Actor) {
	fmt.Fprintln(out, nodeText(&a.Node))
	for _, line := range [][2]string{
		{"in", pathText(a.Path)},
		{"started", clock(a.Started)},
		{"handled", fmt.Sprint(a.Handled)},
		{"children", fmt.Sprint(a.Count)},
		{"links", linksText(a.Links)},
		{"monitors", linksText(a.Monitors)},
		{"monitored by", linksText(a.MonitoredBy)},
		{"state", cmp.Or(a.State, a.NoState)},
	} {
		if line[1] != "" && line[1] != "0" {
			fmt.Fprintf(out, "%14s  %s\n", line[0], strings.ReplaceAll(line[1], "\n", "\n"+strings.Repeat(" ", 16)))
		}
	}
	if stack := cmp.Or(a.Stack, a.NoStack); stack != "" {
		fmt.Fprintf(out, "\n%s\n", indented(stack))
	}
	if len(a.Preceded) > 0 {
		fmt.Fprintln(out, "\nlately, to it and around it:")
		printEvents(out, "  ", a.Preceded)
	}
}

func printCrashes(out io.Writer, c *query.Crashes) {
	if len(c.Groups) == 0 {
		fmt.Fprintln(out, "nothing has crashed")
	}
	for _, g := range c.Groups {
		fmt.Fprintf(out, "%d × %s: %s\n", g.Count, g.Behavior, g.Reason)
		fmt.Fprintf(out, "  last at %s: %s, after %d messages; %d waited\n",
			clock(g.Last), strings.TrimSpace(g.Example.PID+" "+g.Example.Label), g.Example.Handled, g.Example.Waiting)
		if g.Stack != "" {
			fmt.Fprintln(out, indented(g.Stack))
		}
		if len(g.Preceded) > 0 {
			fmt.Fprintln(out, "  before it:")
			printEvents(out, "    ", g.Preceded)
		}
	}
	if rest := c.Total - len(c.Groups); rest > 0 {
		fmt.Fprintf(out, "… and %d more\n", rest)
	}
}

func printEvents(out io.Writer, indent string, events []query.Event) {
	for _, e := range events {
		fmt.Fprintf(out, "%s%s %-7s %s", indent, clock(e.At), e.Kind, strings.TrimSpace(e.PID+" "+cmp.Or(e.Label, e.Behavior)))
		if e.Reason != "" {
			fmt.Fprintf(out, ": %s", e.Reason)
		}
		fmt.Fprintln(out)
	}
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// listed returns texts as one.
func listed(texts []string) string { return cmp.Or(strings.Join(texts, ", "), "none") }

func size(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d kB", n/1000)
}

// changed is what an observer pushes when the tree that is watched has changed.
type changed struct {
	Nodes []struct{ Node query.Node }
	Gone  []struct {
		PID, Reason string
		At          int64
		Crashed     bool
	}
	Restarted []struct {
		Supervisor, ID, Old, New string
		At                       int64
	}
}

// tell says it in lines.
func (c changed) tell(say func(format string, args ...any)) {
	for _, g := range c.Gone {
		what := "ended"
		if g.Crashed {
			what = "crashed"
		}
		say("%s %-9s %s: %s", clock(g.At), what, g.PID, g.Reason)
	}
	for _, n := range c.Nodes {
		say("%s %-9s %s", clock(time.Now().UnixMilli()), "is", nodeText(&n.Node))
	}
	for _, r := range c.Restarted {
		say("%s %-9s %s of %s: %s is %s now", clock(r.At), "restarted", r.ID, r.Supervisor, r.Old, r.New)
	}
}

// traced is one thing that an actor has handled.
type traced struct {
	At                   int64
	Kind, Message, Error string
	Worked               float64 // ms
	Missed               int
}

// tell says it in a line, or two.
func (t traced) tell(say func(format string, args ...any)) {
	if t.Missed > 0 {
		say("… %d more, which were too many to tell", t.Missed)
	}
	line := fmt.Sprintf("%s %-9s %7.3f ms  %s", clock(t.At), t.Kind, t.Worked, t.Message)
	if t.Error != "" {
		line += "  → " + t.Error
	}
	say("%s", line)
}
