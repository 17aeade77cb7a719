// Command observe asks a running program's observer, from a terminal, what its page in the
// browser shows:
//
//	go run ./examples/supervision -observe 127.0.0.1:4001
//	go run ./examples/observe http://127.0.0.1:4001/observer/ tree
//	go run ./examples/observe http://127.0.0.1:4001/observer/ top -by busy
//	go run ./examples/observe http://127.0.0.1:4001/observer/ trace '<0.17>'
//
// It is a client of channels like the page, so an observer that is reached from elsewhere
// lets in whom its Authorize lets in: -header sends what that looks for.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, plain{os.Stdout}, os.Args[1:]); err != nil && ctx.Err() == nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "observe:", err)
		}
		os.Exit(1)
	}
}

// wishes are what the flags of a command say.
type wishes struct {
	filter, by, endpoint, node string
	limit, depth               int
	json                       bool
	header                     http.Header
}

func (w *wishes) flags(out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("observe", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&w.filter, "filter", "", "show what has this `text` in it")
	f.StringVar(&w.by, "by", "queue", "the `figure` that top is about: queue, oldest, rate, busy, handled or restarts")
	f.StringVar(&w.endpoint, "endpoint", "", "the `name` of the endpoint that sockets and topics are of")
	f.StringVar(&w.node, "node", "", "ask another `node` of the cluster")
	f.IntVar(&w.limit, "limit", 20, "how many `lines` of a list, or children of an actor, are shown")
	f.IntVar(&w.depth, "depth", 4, "how many `levels` of the tree are shown")
	f.BoolVar(&w.json, "json", false, "print the answer as JSON")
	f.Func("header", "send this `name: value` when connecting; may be given more than once", func(s string) error {
		name, value, ok := strings.Cut(s, ":")
		if !ok {
			return errors.New("must be name: value")
		}
		w.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	f.Usage = func() {
		fmt.Fprintf(out, "usage: observe URL COMMAND [ARGUMENT] [FLAGS]\n\nURL is that of the page. The commands are:\n%s\n", list())
		f.PrintDefaults()
	}
	return f
}

// run does what the arguments say.
func run(ctx context.Context, out io.Writer, args []string) error {
	w := wishes{header: http.Header{}}
	flags := w.flags(out)
	var words []string // flags may stand before, between and after them
	for rest := args; ; {
		if err := flags.Parse(rest); err != nil {
			return err
		}
		if rest = flags.Args(); len(rest) == 0 {
			break
		}
		words, rest = append(words, rest[0]), rest[1:]
	}
	if len(words) < 2 {
		flags.Usage()
		return errors.New("a URL and a command are needed")
	}
	cmd, ok := find(words[1])
	if !ok {
		return fmt.Errorf("there is no command %q:\n%s", words[1], list())
	}
	arguments := words[2:]
	if len(arguments) != cmd.needs {
		return fmt.Errorf("%s takes %d arguments: %s", cmd.name, cmd.needs, cmd.does)
	}
	o, err := dial(ctx, words[0], w.header)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	return cmd.run(ctx, o, out, w, arguments)
}

// remote is a program's observer as its clients see it.
type remote struct {
	client   *wsclient.Client
	channel  *wsclient.Channel
	greeting wsclient.Payload
}

const patience = 10 * time.Second // for a connection, and for an answer

// dial connects to the observer whose page is at the given address.
func dial(ctx context.Context, page string, header http.Header) (*remote, error) {
	u, err := url.Parse(page)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := wsclient.Dial(ctx, wsclient.Config{
		URL: u.JoinPath("socket").String(), Header: header, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", page, err)
	}
	o := &remote{client: client, channel: client.Channel("observer", nil)}
	if o.greeting, err = o.channel.Join(ctx); err != nil {
		o.close(ctx)
		return nil, fmt.Errorf("%s: %w", page, refusal(err))
	}
	return o, nil
}

func (o *remote) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = o.client.Close(ctx) // there is nothing to save
}

// ask asks one question, and reads the answer into v.
func (o *remote) ask(ctx context.Context, question string, params, v any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := o.channel.Push(ctx, question, params)
	if err != nil {
		return refusal(err)
	}
	return answer.Decode(v)
}

// refusal returns the error that the observer has answered with, if it has.
func refusal(err error) error {
	var payload wsclient.Payload
	if reply, ok := errors.AsType[*wsclient.ReplyError](err); ok {
		payload = reply.Payload
	} else if join, ok := errors.AsType[*wsclient.JoinError](err); ok {
		payload = join.Payload
	}
	var told query.Error
	if payload.Decode(&told) == nil && told.Reason != "" {
		return &told
	}
	return err
}

// tell asks one question, and shows the answer.
func tell[A any](ctx context.Context, o *remote, out io.Writer, w wishes, question string, p params, print func(*A)) error {
	var answer A
	if err := o.ask(ctx, question, p, &answer); err != nil {
		return err
	}
	return show(out, w, &answer, func() { print(&answer) })
}

// show prints an answer as JSON if that is wanted, and otherwise as print does.
func show(out io.Writer, w wishes, answer any, print func()) error {
	if !w.json {
		print()
		return nil
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(answer)
}
