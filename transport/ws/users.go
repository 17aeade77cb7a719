package ws

import (
	"net/http"
	"sync"
)

// users counts the connections of each user to a socket, or the channels that linger.
type users struct {
	most int
	mu   sync.Mutex
	of   map[string]int // by the ID of the Identity
}

var errTooManyOfUser = &StatusError{Status: http.StatusTooManyRequests}

// enter counts one more, unless there are too many. It does nothing on nil, and
// for clients without an ID.
func (u *users) enter(id string) error {
	if u == nil || id == "" {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[id] >= u.most {
		return errTooManyOfUser
	}
	if u.of == nil {
		u.of = map[string]int{}
	}
	u.of[id]++
	return nil
}

// leave counts one less, of those that have entered.
func (u *users) leave(id string) {
	if u == nil || id == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[id]--; u.of[id] == 0 {
		delete(u.of, id)
	}
}
