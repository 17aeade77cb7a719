package observer

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// bulletin is what pages are told that show the same: one text for all of them.
type bulletin struct {
	news  news
	at    time.Time
	shown []shownChild // that it describes
	text  ws.Payload
}

// bulletins are the latest ones.
type bulletins struct {
	mu   sync.Mutex
	last [8]*bulletin
	next int
}

// find returns the bulletin with these news, if there is one that pages can still be told.
func (b *bulletins) find(n news) *bulletin {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.last {
		if one != nil && time.Since(one.at) < gatherFor && one.news.equal(n) {
			return one
		}
	}
	return nil
}

func (b *bulletins) add(one *bulletin) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[b.next] = one
	b.next = (b.next + 1) % len(b.last)
}

func (b *bulletins) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.last[:])
}

// equal reports whether two pages have heard the same. Each change is one thing for all pages.
func (n news) equal(m news) bool {
	return slices.Equal(n.added, m.added) && slices.Equal(n.gone, m.gone) &&
		slices.Equal(n.restarted, m.restarted) && maps.Equal(n.counts, m.counts)
}
