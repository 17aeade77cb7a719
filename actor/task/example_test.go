package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
	"github.com/troupe-go/troupe/supervisor"
)

// page pretends to fetch a page.
func page(_ context.Context, url string) (string, error) {
	if url == "/none" {
		return "", errors.New("not found")
	}
	return "page " + url, nil
}

func Example() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	a := task.Go(ctx, sys, func(ctx context.Context) (string, error) { return page(ctx, "/a") })
	b := task.Go(ctx, sys, func(ctx context.Context) (string, error) { return page(ctx, "/b") })
	fmt.Println(a.Await(ctx))
	fmt.Println(b.Await(ctx))
	// Output:
	// page /a <nil>
	// page /b <nil>
}

// browser fetches pages on demand. It waits for them in its handler.
type browser struct{}

func (browser) Receive(ctx *actor.Context[string], url string) error {
	t := task.AsyncNoLink(ctx, func(ctx context.Context) (string, error) { return page(ctx, url) })
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fmt.Println(t.Await(limit))
	return actor.Stop
}

func ExampleAsyncNoLink() {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())

	ref, err := actor.Spawn(sys, func() browser { return browser{} })
	if err != nil {
		fmt.Println(err)
		return
	}
	ref.Send("/none")
	<-ref.PID().Done()
	fmt.Println("the browser ended:", ref.PID().Err())
	// Output:
	// task: <0.2> ended: not found
	// the browser ended: normal
}

// tab shows pages. It does not wait in a handler: the pages come as messages.
type tab struct{}

type (
	open  string
	shown struct {
		text string
		err  error
	}
)

func (tab) Receive(ctx *actor.Context[any], m any) error {
	switch m := m.(type) {
	case open:
		task.Deliver(ctx,
			func(ctx context.Context) (string, error) { return page(ctx, string(m)) },
			func(text string, err error) any { return shown{text, err} })
	case shown:
		fmt.Println(m.text, m.err)
		return actor.Stop
	}
	return nil
}

func ExampleDeliver() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	ref, err := actor.Spawn(sys, func() tab { return tab{} })
	if err != nil {
		fmt.Println(err)
		return
	}
	ref.Send(open("/a"))
	<-ref.PID().Done()
	// Output: page /a <nil>
}

func ExampleTask_Shutdown() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	t := task.Go(ctx, sys, func(ctx context.Context) (int, error) {
		<-ctx.Done() // nothing can interrupt a function that does not look
		return 0, ctx.Err()
	})
	_, err := t.Shutdown(ctx)
	fmt.Println(errors.Is(err, actor.Shutdown))
	// Output: true
}

func ExampleAwaitMany() {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())

	// What one failure makes useless ends with the context.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fetch := func(urls ...string) ([]string, error) {
		var tasks []*task.Task[string]
		for _, url := range urls {
			tasks = append(tasks, task.Go(ctx, sys, func(ctx context.Context) (string, error) { return page(ctx, url) }))
		}
		return task.AwaitMany(ctx, tasks...)
	}
	fmt.Println(fetch("/a", "/b"))
	_, err := fetch("/a", "/none")
	fmt.Println(errors.Unwrap(err))
	// Output:
	// [page /a page /b] <nil>
	// not found
}

func ExampleYieldMany() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	// Three mirrors are asked, one answer is enough.
	var mirrors []*task.Task[string]
	for i := range 3 {
		mirrors = append(mirrors, task.Go(ctx, sys, func(ctx context.Context) (string, error) {
			if i != 1 {
				<-ctx.Done() // slow
			}
			return fmt.Sprint("from mirror ", i), nil
		}))
	}
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i, r := range task.YieldMany(limit, task.YieldConfig{Limit: 1, KillLate: true}, mirrors...) {
		if errors.Is(r.Err, task.ErrPending) {
			mirrors[i].Kill()
			continue
		}
		fmt.Println(r.Value, r.Err)
	}
	// Output: from mirror 1 <nil>
}

func ExampleBehavior() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	// With a supervisor: supervisor.Actor("hello", newJob, supervisor.Transient).
	newJob := task.Behavior(func(context.Context) error {
		fmt.Println("hello")
		return nil
	})
	ref, err := actor.Spawn(sys, newJob)
	if err != nil {
		fmt.Println(err)
		return
	}
	<-ref.PID().Done()
	// Output: hello
}

func ExampleStream() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	urls := slices.Values([]string{"/a", "/none", "/b", "/c"})
	n := 0
	for text, err := range task.Stream(ctx, sys, urls, page, task.StreamConfig{MaxConcurrency: 2, Timeout: 5 * time.Second}) {
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(text)
		if n++; n == 2 {
			break // what runs is ended, such as "/c"
		}
	}
	// Output:
	// page /a
	// error: not found
	// page /b
}

func ExamplePrepareNoLink() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	loaders, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{MaxChildren: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	t := task.PrepareNoLink(ctx, func(ctx context.Context) (string, error) { return page(ctx, "/a") })
	if _, err := loaders.StartTask(ctx, t.Start); err != nil {
		fmt.Println(err) // for example because there are too many
		return
	}
	fmt.Println(t.Await(ctx))
	// Output: page /a <nil>
}

func ExampleStream_supervised() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(ctx)

	// All that is fetched anywhere in the program shares a maximum, and ends with
	// the supervisor.
	fetchers, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{MaxChildren: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch := func(ctx context.Context, url string) (string, error) {
		if url == "/bad" {
			panic("cannot parse it")
		}
		return page(ctx, url)
	}
	urls := slices.Values([]string{"/a", "/bad", "/b"})
	for text, err := range task.Stream(ctx, sys, urls, fetch, task.StreamConfig{Supervisor: fetchers}) {
		var item *task.ItemError[string]
		if errors.As(err, &item) {
			fmt.Println("failed:", item.Item)
			continue
		}
		fmt.Println(text, err)
	}
	// Output:
	// page /a <nil>
	// failed: /bad
	// page /b <nil>
}
