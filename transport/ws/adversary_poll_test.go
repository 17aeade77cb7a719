package ws_test

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pollLives are sessions of an adversary that polls, one after another.
type pollLives []pollLife

// pollLife is what an adversary does in one session.
type pollLife struct {
	mount    string
	requests []pollRequest
}

// pollRequest is a request that an adversary makes, on a connection of its own.
type pollRequest struct {
	method string
	token  tokenKind
	mime   string
	body   []byte
	left   int // bytes of the body that are never sent
	chop   int // bytes of a write
	slow   bool
	twice  bool // another one like it at the same time
	hears  bool // it waits for the answer
	ends   ending
}

// tokenKind says which token a request has.
type tokenKind int

const (
	newest tokenKind = iota
	stale
	forged
	none
)

// pollScript writes lives by polling.
func (a *author) pollScript() (all pollLives) {
	for a.life = range 1 + a.rnd.IntN(3) {
		a.count = 0
		l := pollLife{mount: []string{"/socket", "/tight"}[a.rnd.IntN(2)]}
		for _, room := range arenaRooms {
			join := fmt.Sprintf(`["j","j",%q,"phx_join",{}]`, room)
			l.requests = append(l.requests, pollRequest{method: "POST", mime: ndjson, body: []byte(join), hears: true})
		}
		for range 2 + a.rnd.IntN(8) {
			l.requests = append(l.requests, a.request())
		}
		all = append(all, l)
	}
	return all
}

const ndjson = "application/x-ndjson"

func (a *author) request() pollRequest {
	r := pollRequest{
		method: "POST",
		mime:   ndjson,
		chop:   []int{1 << 20, 1 << 20, 997, 97}[a.rnd.IntN(4)],
		slow:   a.oneIn(4),
		hears:  !a.oneIn(4),
		ends:   ending(a.rnd.IntN(4)),
	}
	if a.oneIn(4) {
		r.token = tokenKind(a.rnd.IntN(4))
	}
	switch a.rnd.IntN(8) {
	case 0, 1, 2:
		r.body, _ = a.lines(true)
	case 3: // what is whole before the cut may arrive
		body, ends := a.lines(false)
		r.body, r.left = body, 1+a.rnd.IntN(len(body))
		for _, e := range ends {
			if e.at < len(body)-r.left {
				a.heard[e.id] = e.shout
			}
		}
	case 4:
		r.body = slices.Concat([]byte("\n"), a.malformedLine())
		if more, _ := a.lines(false); a.oneIn(2) {
			r.body = append(append(r.body, '\n'), more...)
		}
	case 5:
		r.mime, r.body = "", fmt.Appendf(nil, `[null,"1","phoenix","heartbeat",{}]`)
	default:
		r.method, r.mime = "GET", ""
		r.twice = a.oneIn(3)
		if a.oneIn(6) {
			r.method = []string{"PUT", "OPTIONS", "HEAD"}[a.rnd.IntN(3)]
		}
	}
	return r
}

// lineEnd is where a broadcast of a body ends.
type lineEnd struct {
	at int
	id string
	shout
}

// lines writes broadcasts, which may arrive if they are heard.
func (a *author) lines(heard bool) (body []byte, ends []lineEnd) {
	for range 1 + a.rnd.IntN(4) {
		m, by := a.broadcast()
		payload := payloadOf(by, a.count, m.text)
		if a.oneIn(2) {
			push := binaryPush("j", "1", m.topic, "shout", payload)
			body = base64.StdEncoding.AppendEncode(body, []byte(push))
		} else {
			body = fmt.Appendf(body, `["j","1",%q,"shout",%s]`, m.topic, payload)
		}
		e := lineEnd{len(body), fmt.Sprint(by, ".", a.count), m}
		ends = append(ends, e)
		body = append(body, '\n')
		if heard {
			a.heard[e.id] = m
		}
	}
	return body, ends
}

func (a *author) malformedLine() []byte {
	lines := []string{"?", "[", `["j"]`, "AAAA=AAAA", `["j","1","room:0","shout",`, strings.Repeat("[", 100_000), "/////w=="}
	return []byte(lines[a.rnd.IntN(len(lines))])
}

func (all pollLives) play(w *world) {
	for _, l := range all {
		l.play(w)
	}
}

func (l pollLife) play(w *world) {
	var tokens []string // that it was given
	open := pollRequest{method: "GET", token: none, hears: true}
	if token := open.play(w, l.mount, ""); token != "" {
		tokens = append(tokens, token)
	}
	for _, r := range l.requests {
		token := ""
		if n := len(tokens); n > 0 {
			token = tokens[n-1]
			switch r.token {
			case stale:
				token = tokens[n/2]
			case forged:
				token = token[:n%20+10] + "A" + token[n%20+11:]
			case none:
				token = ""
			}
		}
		other := make(chan struct{})
		go func() {
			defer close(other)
			if r.twice {
				r.play(w, l.mount, token)
			}
		}()
		if token := r.play(w, l.mount, token); token != "" {
			tokens = append(tokens, token)
		}
		<-other
	}
}

// play makes the request, and returns the token of the answer, if there is one.
func (r pollRequest) play(w *world, mount, token string) string {
	nc, err := w.dial()
	if err != nil {
		return ""
	}
	head := fmt.Sprintf("%s %s/longpoll?vsn=2.0.0&user=poller&token=%s HTTP/1.1\r\nHost: %s\r\n", r.method, mount, token, w.addr)
	if r.mime != "" {
		head += "Content-Type: " + r.mime + "\r\n"
	}
	if r.method == "POST" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	}
	answer := make(chan string, 1)
	go func() { answer <- readToken(nc) }()
	request := slices.Concat([]byte(head+"\r\n"), r.body[:len(r.body)-r.left])
	write(w, nc, request, cmp.Or(r.chop, len(request)), r.slow)
	if r.hears && r.left == 0 {
		given := make(chan struct{})
		go func() { // a poll need not be answered
			defer close(given)
			w.pass(20)
			nc.SetReadDeadline(time.Unix(1, 0))
		}()
		token = <-answer
		nc.Close()
		<-given
		return token
	}
	r.ends.end(w, nc)
	return <-answer
}

// readToken returns the token of an answer, if there is one.
func readToken(nc net.Conn) string {
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	var a pollAnswer
	json.Unmarshal(data, &a)
	return a.Token
}
