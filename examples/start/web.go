package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// patience is how long a request waits for the hall.
const patience = time.Second

// routes returns what the program serves.
func routes(seats Seats, actors http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /seats/{seat}", func(w http.ResponseWriter, r *http.Request) {
		who := r.FormValue("for")
		if who == "" {
			http.Error(w, "for whom?", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := seats.Hold(ctx, r.PathValue("seat"), who); err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /seats/{seat}", func(w http.ResponseWriter, r *http.Request) {
		seats.Release(r.PathValue("seat"), r.FormValue("for"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /seats", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		held, err := seats.List(ctx)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(held)
	})
	mux.Handle("GET /debug/actors", actors)
	return mux
}

// fail answers a request whose call has failed.
func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrTaken) {
		http.Error(w, ErrTaken.Error(), http.StatusConflict)
		return
	}
	// The hall was too slow, or is being restarted.
	http.Error(w, "try again", http.StatusServiceUnavailable)
}
