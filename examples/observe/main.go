// Command observe asks a running program's observer, from a terminal, what its page in the
// browser shows:
//
//	go run ./examples/supervision -observe 127.0.0.1:4001
//	go run ./examples/observe http://127.0.0.1:4001/observer/ tree
//	go run ./examples/observe http://127.0.0.1:4001/observer/ top -by busy
//	go run ./examples/observe http://127.0.0.1:4001/observer/ trace 0.17
//
// It is a client of channels like the page, so an observer that is reached from elsewhere
// lets in whom its Authorize lets in: -header sends what that looks for. Lines are as long as
// they need to be: in a narrow terminal put "| less -S" behind it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, plain{os.Stdout}, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(plain{os.Stderr}, "observe:", err)
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

func (w *wishes) flags() *flag.FlagSet {
	f := flag.NewFlagSet("observe", flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong is in the error
	f.StringVar(&w.filter, "filter", "", "show what has this `text` in it")
	f.StringVar(&w.by, "by", "queue", "the `figure` that top is about: queue, oldest, rate, busy, handled or restarts")
	f.StringVar(&w.endpoint, "endpoint", "", "the `name` of the endpoint that sockets and topics are of; the first if empty")
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
	return f
}

// usage prints how the program is used.
func usage(out io.Writer, flags *flag.FlagSet) error {
	fmt.Fprintf(out, "usage: observe URL COMMAND [ARGUMENT] [FLAGS]\n\nURL is that of the page. The commands are:\n%s\n", list())
	flags.SetOutput(out)
	flags.PrintDefaults()
	return nil
}

// run does what the arguments say.
func run(ctx context.Context, out io.Writer, args []string) error {
	w := wishes{header: http.Header{}}
	flags := w.flags()
	var words []string // flags may stand before, between and after them
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return usage(out, flags)
		} else if err != nil {
			return err
		}
		if rest = flags.Args(); len(rest) == 0 {
			break
		}
		words, rest = append(words, rest[0]), rest[1:]
	}
	switch {
	case len(words) > 0 && words[0] == "help":
		return usage(out, flags)
	case len(words) < 2:
		return errors.New("a URL and a command are needed: observe -h lists them")
	}
	cmd, ok := find(words[1])
	if !ok {
		return fmt.Errorf("there is no command %q:\n%s", words[1], list())
	}
	arguments := words[2:]
	if len(arguments) != len(strings.Fields(cmd.args)) {
		return fmt.Errorf("%s is used so: observe URL %s", cmd.name, strings.TrimSpace(cmd.name+" "+cmd.args))
	}
	o, err := dial(ctx, words[0], w.header)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	return cmd.run(ctx, o, out, w, arguments)
}
