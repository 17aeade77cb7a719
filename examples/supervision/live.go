package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
)

// live is the same three actors under each strategy, side by side, for as long as the
// program runs, and a page that shows them. Those that open it on this machine have the
// rights: press Crash, and see what the strategy does. Three crashes within ten seconds are
// one too many: then the supervisor gives up, and its own starts it anew.
func live(addr string, rights observer.Rights) supervisor.Program {
	page := observer.New(observer.Config{Authorize: observer.Local(rights)})
	mux := http.NewServeMux()
	mux.Handle("/observer/", page)
	mux.Handle("/{$}", http.RedirectHandler("/observer/", http.StatusFound))
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec: supervisor.Spec{
			Intensity: 100, // people press Crash again and again
			Children: []supervisor.Child{
				page.Child(),
				service(supervisor.OneForOne),
				service(supervisor.OneForAll),
				service(supervisor.RestForOne),
				web,
			},
		},
		OnStart: func(sys *actor.System, _ supervisor.Tree) {
			sys.Logger().Info("supervision", "url", fmt.Sprintf("http://%s/observer/", addr))
		},
	}
}

// service is a database, a cache before it and an api that is always busy, under one
// strategy.
func service(strategy supervisor.Strategy) supervisor.Child {
	database, store := supervisor.ActorRef("database", func() *server { return &server{share: 1} })
	cache, lookups := supervisor.ActorRef("cache", func() *server { return &server{share: 5, behind: store} })
	api := supervisor.Actor("api", func() *server { return &server{share: 1, behind: lookups, every: time.Second / 4} })
	return supervisor.Supervisor(strategy.String(), supervisor.Spec{
		Strategy:  strategy,
		Intensity: 2,
		Period:    10 * time.Second,
		Children:  []supervisor.Child{database, cache, api},
	})
}

// lookup is a request for one row.
type lookup struct{ Row int }

// server answers lookups, or asks the one behind it.
type server struct {
	share  int                    // of so many lookups it passes on one
	behind supervisor.Ref[lookup] // zero if there is none
	every  time.Duration          // if not 0, it makes lookups by itself

	seen, passed int
}

// Init starts the clock of one that makes lookups by itself.
func (s *server) Init(ctx *actor.Context[lookup]) error {
	if s.every > 0 {
		ctx.SendEvery(s.every, lookup{})
	}
	return nil
}

// Receive handles one lookup.
func (s *server) Receive(_ *actor.Context[lookup], m lookup) error {
	s.seen++
	if s.seen%s.share == 0 && s.behind != (supervisor.Ref[lookup]{}) {
		s.passed++
		s.behind.Send(lookup{Row: m.Row + s.seen}) // one that is being restarted misses it
	}
	return nil
}

// LogValue is what the page shows as its state.
func (s *server) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("seen", s.seen), slog.Int("passed on", s.passed))
}
