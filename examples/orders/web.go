package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
)

// patience is for how long a client waits.
const patience = 5 * time.Second

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		o := Order{Number: rand.N(1 << 53), Status: open, Due: time.Now().Add(payWithin)}
		s.store.Save(o)
		_, err := s.orders.Find(r.Context(), o.Number) // its time runs
		respond(w, o, err)
	})
	mux.Handle("GET /orders/{number}", s.ask(func(_ *http.Request, r actor.Reply[Order]) request { return get{r} }))
	mux.Handle("POST /orders/{number}/payment", s.ask(func(_ *http.Request, r actor.Reply[Order]) request { return pay{r} }))
	mux.Handle("POST /orders/{number}/items", s.ask(func(web *http.Request, r actor.Reply[Order]) request {
		cents, _ := strconv.Atoi(web.FormValue("cents")) // 0 is refused
		return add{r, Item{web.FormValue("name"), cents}}
	}))
	mux.HandleFunc("GET /metrics", s.page)
	return mux
}

// ask asks an order, which starts if it does not run.
func (s *shop) ask(newRequest func(*http.Request, actor.Reply[Order]) request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, web *http.Request) {
		ctx, cancel := context.WithTimeout(web.Context(), patience)
		defer cancel()
		number, _ := strconv.Atoi(web.PathValue("number")) // 0 is none
		o, err := entity.Call(ctx, s.orders, number, func(r actor.Reply[Order]) request { return newRequest(web, r) })
		respond(w, o, err)
	})
}

func respond(w http.ResponseWriter, o Order, err error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		http.Error(w, refused.text, refused.status)
		return
	}
	if err != nil {
		// The order is slow, or is being restarted, or cannot be charged just now. A payment
		// goes on if nobody waits for it, and one that is asked for twice is made once.
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(o)
}
