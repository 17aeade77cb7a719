package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoryIsAsTheGuideTellsIt(t *testing.T) {
	const want = `one_for_one: start
  + database
  + cache
  + api
one_for_one: cache crashes
  - cache: connection lost
  + cache
one_for_one: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
one_for_all: start
  + database
  + cache
  + api
one_for_all: cache crashes
  - cache: connection lost
  - api: shutdown
  - database: shutdown
  + database
  + cache
  + api
one_for_all: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
rest_for_one: start
  + database
  + cache
  + api
rest_for_one: cache crashes
  - cache: connection lost
  - api: shutdown
  + cache
  + api
rest_for_one: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
too many restarts: start
  + database
  + cache
  + api
too many restarts: cache crashes
  - cache: connection lost
  + cache
too many restarts: cache crashes again
  - cache: connection lost
  - api: shutdown
  - database: shutdown
too many restarts: the supervisor has ended: child "cache": more than 1 restart in 1h0m0s: connection lost
`
	var got bytes.Buffer
	if err := run(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("the story is\n%s\nwant\n%s", got.String(), want)
	}
}

// TestLiveTreesAreShown also kills each of the trees, the page and the server.
func TestLiveTreesAreShown(t *testing.T) {
	transport := &http.Transport{DisableKeepAlives: true}
	var at string
	killing.EachChild(t, func(addr string) supervisor.Program {
		at = addr
		p := live(addr, observer.Act)
		p.Intensity = 2 // it need not be killed a hundred times
		return p
	}, func(ctx context.Context, _ *wsclient.Client) error {
		for path, want := range map[string]string{"/": "/observer/", "/observer/": "<title>Observer</title>"} {
			get, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+path, nil)
			if err != nil {
				return err
			}
			answer, err := transport.RoundTrip(get)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || !strings.Contains(string(body), want) {
				return fmt.Errorf("%s: %s, %v, without %s", path, answer.Status, err, want)
			}
		}
		return nil
	})
}

func TestLiveTreesWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
		defer shutdown(sys)
		if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{service(supervisor.OneForOne)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second + time.Millisecond) // of the bubble's clock
		synctest.Wait()
		handled := map[string]uint64{}
		for pid := range sys.All() {
			info, _ := pid.Info()
			handled[info.Label] = info.Handled
		}
		if handled["api"] != 40 || handled["cache"] != 40 || handled["database"] != 8 {
			t.Errorf("they have handled %v, want 40 lookups of the api, all passed on, and a fifth of them by the cache", handled)
		}
	})
}

func TestRightsAreReadByName(t *testing.T) {
	for _, rights := range []observer.Rights{observer.Look, observer.Trace, observer.Act} {
		if got := rightsOf(rights.String()); got != rights {
			t.Errorf("%v is read as %v", rights, got)
		}
	}
}
