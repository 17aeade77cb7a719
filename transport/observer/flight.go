package observer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
)

const (
	// flightPath is where the flight recording is, below the mount path.
	flightPath = "flight"

	// flightLimit is how long a client may take to fetch it: it keeps others out so long.
	flightLimit = time.Minute
)

// download answers with what the flight recorder holds. Each attempt is logged.
func (o *Observer) download(w http.ResponseWriter, r *http.Request, run *run, by Grant) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "only GET is answered here", http.StatusMethodNotAllowed)
		return
	}
	sent, err := o.sendFlight(w, r, run, by)
	log, outcome := run.sys.Logger(), "done"
	if err != nil {
		log, outcome = run.log, "failed" // it may come again and again
	}
	if refusal, ok := errors.AsType[*query.Error](err); ok {
		outcome = string(refusal.Reason)
		refuseFlight(w, refusal)
	}
	log.Warn("observer: download", "what", flightPath, "who", by.Who, "remote", r.RemoteAddr,
		"outcome", outcome, "bytes", sent, "error", err)
}

// sendFlight returns how many bytes it has sent. If it has sent none because it will not, the
// error is a [*query.Error].
func (o *Observer) sendFlight(w http.ResponseWriter, r *http.Request, run *run, by Grant) (int64, error) {
	switch {
	case by.Rights < Trace:
		return 0, query.Errorf(query.Forbidden, "that takes the right to %v", Trace)
	case o.isForeign(r):
		return 0, query.Errorf(query.Forbidden, "a page of another origin has asked for it")
	case o.cfg.Flight == nil:
		return 0, query.Errorf(query.Unavailable, "the observer's Config has no flight recorder")
	case !o.downloading.CompareAndSwap(false, true):
		return 0, query.Errorf(query.Busy, "somebody else is fetching it")
	}
	defer o.downloading.Store(false)
	done, err := limitWrites(w, run.life)
	if err != nil {
		return 0, query.Errorf(query.Unavailable, "a slow client could not be stopped: %v", err)
	}
	defer done()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="flight-`+time.Now().UTC().Format("20060102T150405Z")+`.trace"`)
	h.Set("Cache-Control", "no-store")
	out := &begun{Writer: w}
	sent, err := o.cfg.Flight.WriteTo(out)
	if err != nil && !out.is {
		return 0, query.Errorf(query.Unavailable, "there is no recording now: %v", err)
	}
	return sent, err
}

// begun notes that something has been written, or could not be.
type begun struct {
	io.Writer
	is bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.is = true
	return b.Writer.Write(p)
}

// limitWrites has what is written to w fail when the time is over, and when life is. What it
// returns ends that; it must be called before the handler returns, since the connection goes
// on with other requests.
func limitWrites(w http.ResponseWriter, life context.Context) (done func(), err error) {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(flightLimit)); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(life, func() {
		defer close(ended)
		_ = control.SetWriteDeadline(time.Now()) // as before
	})
	return func() {
		if !stop() {
			<-ended
		}
	}, nil
}

func refuseFlight(w http.ResponseWriter, e *query.Error) {
	status := http.StatusNotFound
	switch e.Reason {
	case query.Forbidden:
		status = http.StatusForbidden
	case query.Busy:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "10")
	}
	w.Header().Del("Content-Disposition")
	http.Error(w, e.Message, status)
}

// isForeign reports whether a browser has sent the request for a page that is not of here.
// Such a page cannot read the answer, but could have it made; and one whose name has been
// made to stand for this server could read it as well. A GET has no Origin header to tell
// that by, as a socket's handshake has, so that Config.Origins goes by its host.
func (o *Observer) isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	host := &url.URL{Host: strings.ToLower(r.Host)}
	for _, origin := range o.cfg.Origins {
		allowed, err := url.Parse(strings.ToLower(origin))
		if err != nil {
			continue // the endpoint has panicked
		}
		domain, subdomains := strings.CutPrefix(allowed.Hostname(), "*.")
		if host.Hostname() == domain || subdomains && strings.HasSuffix(host.Hostname(), "."+domain) {
			return false
		}
	}
	return len(o.cfg.Origins) > 0
}
