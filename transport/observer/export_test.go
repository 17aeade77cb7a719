package observer

import "github.com/troupe-go/troupe/transport/ws"

// Endpoint is that of the page's socket, for package wstest.
func Endpoint(o *Observer) *ws.Endpoint { return o.running.Load().endpoint }

var (
	LocalError     = local
	AuthorizeLimit = authorizeLimit
)

const MaxChanges = maxChanges

// Feeding reports whether the system is observed for pages.
func Feeding(o *Observer) bool {
	r := o.running.Load()
	if r == nil {
		return false
	}
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	return r.feed.stop != nil
}

const MaxPages = maxPages

// Occupy has so many more pages be open, as far as others are concerned.
func Occupy(o *Observer, n int32) { o.running.Load().pages.Add(n) }

// Pages returns how many pages are open.
func Pages(o *Observer) int32 { return o.running.Load().pages.Load() }
