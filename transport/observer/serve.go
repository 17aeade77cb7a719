package observer

import (
	"errors"
	"net/http"
	"strings"

	"github.com/troupe-go/troupe/transport/ws"
)

// ServeHTTP implements [http.Handler].
func (o *Observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	below := below(r)
	if strings.HasPrefix(below, socketPath[1:]+"/") {
		if run := o.running.Load(); run != nil {
			run.endpoint.ServeHTTP(w, at(r, "/"+below)) // which asks connect
		} else {
			http.Error(w, notRunning, http.StatusServiceUnavailable)
		}
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is answered here", http.StatusMethodNotAllowed)
		return
	}
	run := o.running.Load()
	if run == nil {
		http.Error(w, notRunning, http.StatusServiceUnavailable)
		return
	}
	grant, err := o.gate.check(r)
	if err != nil {
		o.refuse(w, r, err)
		return
	}
	if below == flightPath {
		o.download(w, r, run, grant)
	} else if a, ok := assets[below]; ok {
		a.serve(w, r)
	} else {
		http.NotFound(w, r)
	}
}

const notRunning = "the observer does not run"

// refuse answers a request that is not let in. A client is told why only if it is the
// developer who has to know.
func (o *Observer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if run := o.running.Load(); run != nil {
		run.log.Warn("observer: request refused", "remote", r.RemoteAddr, "path", boundedPath(r), "reason", err)
	}
	status, text := http.StatusForbidden, "You may not see this."
	if s, ok := errors.AsType[*ws.StatusError](err); ok && s != nil {
		for name, values := range s.Header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		if s.Status >= 400 && s.Status < 600 {
			status = s.Status
		}
	}
	if l, ok := errors.AsType[*localOnlyError](err); ok {
		text = l.Error()
	}
	http.Error(w, text, status)
}

// setHeaders says that the page is on its own: nothing but what comes from here runs in it,
// and no other page has it in a frame, or gets at its window.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-cache")
}

// below returns what a request asks for below the path where the observer is mounted, which
// the pattern of an [http.ServeMux] tells. Without one the end of the path has to do:
// other routers do not say where they have found a handler.
func below(r *http.Request) string {
	if rest, ok := belowPattern(r.Pattern, r.URL.Path); ok {
		return rest
	}
	p := strings.TrimPrefix(r.URL.Path, "/")
	if r.Pattern != "" { // and what it has matched has been taken off
		return p
	}
	if i := strings.LastIndex(p, socketPath[1:]+"/"); i >= 0 && (i == 0 || p[i-1] == '/') {
		return p[i:]
	}
	return p[strings.LastIndex(p, "/")+1:]
}

// belowPattern returns the part of a path that the pattern leaves open, and reports whether
// the path has the rest.
func belowPattern(pattern, p string) (string, bool) {
	at := strings.Index(pattern, "/") // before it may be a method and a host
	if at < 0 || !strings.HasSuffix(pattern, "/") {
		return "", false
	}
	for segment := range strings.SplitSeq(strings.Trim(pattern[at:], "/"), "/") {
		if segment == "" {
			break
		}
		rest, ok := strings.CutPrefix(p, "/")
		if !ok {
			return "", false
		}
		have, _, _ := strings.Cut(rest, "/")
		if have != segment && !strings.HasPrefix(segment, "{") {
			return "", false
		}
		p = rest[len(have):]
	}
	return strings.CutPrefix(p, "/")
}

// at returns the request with another path.
func at(r *http.Request, path string) *http.Request {
	moved := new(http.Request)
	*moved = *r
	url := *r.URL
	url.Path, url.RawPath = path, ""
	moved.URL = &url
	return moved
}

// boundedPath is what the log tells of a request's path.
func boundedPath(r *http.Request) string {
	if len(r.URL.Path) > 100 {
		return r.URL.Path[:100] + "…"
	}
	return r.URL.Path
}
