package ws_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// innocent is a client that does ordinary work, and knows what must come of it.
type innocent struct {
	*world
	id, topic string
	rnd       *rand.Rand
	access    access
	gone      chan struct{} // closed when it reads no more

	// What it has been told; only its reader touches it.
	last map[string]int  // numbers of the last broadcasts, of innocents and of lives of adversaries
	seen map[string]bool // broadcasts of adversaries

	mu      sync.Mutex
	sent    int               // broadcasts
	replies map[string]string // that are outstanding, by ref
	shouts  map[int]string    // that are not yet with everybody
	missing int               // all that is
	whole   chan struct{}     // closed when nothing is
}

// access is how an innocent is connected.
type access interface {
	open() error
	send(messages []string) error
	receive() ([]string, error) // texts; binary messages begin with a zero byte
	close()
}

// arenaRooms are where it all happens.
var arenaRooms = []string{"room:0", "room:1"}

func newInnocent(w *world, i int, rnd *rand.Rand) *innocent {
	in := &innocent{
		world: w,
		id:    fmt.Sprint("i", i),
		topic: arenaRooms[i%2],
		rnd:   rnd,
		gone:  make(chan struct{}),
		last:  map[string]int{},
		seen:  map[string]bool{},
	}
	if w.polls && i/2%2 == 1 {
		transport := new(http.Transport)
		w.idle = append(w.idle, transport.CloseIdleConnections)
		life, end := context.WithCancel(w.doomed)
		w.pollers++
		in.access = &pollLink{
			waiting: &w.waiting,
			http:    &http.Client{Transport: transport},
			url:     "http://" + w.addr + "/socket/longpoll?vsn=2.0.0",
			life:    life,
			end:     end,
		}
	} else {
		in.access = &socketLink{world: w, rnd: rnd}
	}
	return in
}

// live joins, and works until no adversary is left.
func (in *innocent) live() error {
	if err := in.access.open(); err != nil {
		in.joined.Done()
		close(in.gone)
		return err
	}
	go in.read()
	in.expect(map[string]string{"j": `{}`}, nil)
	err := in.do([]string{in.push("j", "phx_join", `{}`)})
	in.joined.Done()
	select {
	case <-in.start:
	case <-in.doomed.Done():
	}
	for err == nil {
		select {
		case <-in.over:
			return nil
		case <-in.doomed.Done():
			return nil
		default:
		}
		err = in.work()
		in.worked()
	}
	return err
}

func (in *innocent) push(ref, event, payload string) string {
	return fmt.Sprintf(`["j",%q,%q,%q,%s]`, ref, in.topic, event, payload)
}

// unique is a text that is told from all others, and from any part of it.
func unique(id string, n int) string { return strings.Repeat(id+" κόσμε ", n) + "." }

// payloadOf is the payload of a broadcast.
func payloadOf(by string, n int, text string) string {
	return fmt.Sprintf(`{"by":%q,"n":%d,"text":%q}`, by, n, text)
}

// work sends some messages and waits for all that must come of them.
func (in *innocent) work() error {
	var messages []string
	replies, shouts := map[string]string{}, map[int]string{}
	for i := range 1 + in.rnd.IntN(4) {
		ref := fmt.Sprint(i)
		size := in.rnd.IntN(20)
		if in.rnd.IntN(20) == 0 {
			size *= 100
		}
		if in.rnd.IntN(2) == 0 {
			payload := payloadOf(in.id, i, unique(in.id, size))
			replies[ref] = payload
			messages = append(messages, in.push(ref, "echo", payload))
			continue
		}
		in.sent++
		text := unique(fmt.Sprint(in.id, ".", in.sent), size)
		replies[ref] = `{}`
		shouts[in.sent] = text
		messages = append(messages, in.push(ref, "shout", payloadOf(in.id, in.sent, text)))
	}
	in.expect(replies, shouts)
	return in.do(messages)
}

// expect says what must come of the next messages: replies, and broadcasts to all
// innocents of the room.
func (in *innocent) expect(replies map[string]string, shouts map[int]string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.replies, in.shouts = replies, shouts
	in.missing = len(replies) + len(shouts)*innocents/len(arenaRooms)
	in.whole = make(chan struct{})
}

// do sends messages, and waits for what is expected, which must not take long.
func (in *innocent) do(messages []string) error {
	if err := in.access.send(messages); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-in.whole:
		return nil
	case <-in.doomed.Done():
		return nil
	case <-late.C:
		in.mu.Lock()
		defer in.mu.Unlock()
		return fmt.Errorf("after %v, %d replies and broadcasts are missing: replies %.200s, broadcasts %.200s",
			patience, in.missing, fmt.Sprint(in.replies), fmt.Sprint(in.shouts))
	}
}

// arrivedLocked notes that something expected has come.
func (in *innocent) arrivedLocked() {
	if in.missing--; in.missing == 0 {
		close(in.whole)
	}
}

// read checks what comes, until the end.
func (in *innocent) read() {
	defer close(in.gone)
	for {
		messages, err := in.access.receive()
		if errors.Is(err, errHungUp) {
			return
		}
		for i := 0; i < len(messages) && err == nil; i++ {
			err = in.receive(messages[i])
		}
		if err != nil {
			in.fail(fmt.Errorf("%s: %w", in.id, err))
			return
		}
	}
}

// message is what a client is sent.
type message struct {
	ref, topic, event string
	payload           []byte
}

func parseMessage(text string) (m message, err error) {
	if text[0] == 0x02 { // a binary broadcast
		topic, event := int(text[1]), int(text[2])
		rest := text[3:]
		return message{"", rest[:topic], rest[topic:][:event], []byte(rest[topic+event:])}, nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(text), &parts); err != nil || len(parts) != 5 {
		return m, fmt.Errorf("%.100q is no message: %w", text, err)
	}
	err = errors.Join(json.Unmarshal(parts[1], &m.ref), json.Unmarshal(parts[2], &m.topic), json.Unmarshal(parts[3], &m.event))
	m.payload = parts[4]
	return m, err
}

func (in *innocent) receive(text string) error {
	m, err := parseMessage(text)
	if err != nil {
		return err
	}
	if m.topic == in.topic {
		switch m.event {
		case "phx_reply":
			return in.receiveReply(m)
		case "shout":
			return in.receiveShout(m)
		}
	}
	return fmt.Errorf("unexpected message: %.200q", text)
}

func (in *innocent) receiveReply(m message) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	want, ok := in.replies[m.ref]
	delete(in.replies, m.ref)
	if !ok || !sameJSON(m.payload, `{"status":"ok","response":`+want+`}`) {
		return fmt.Errorf("reply %.200q to %s, want %.200q", m.payload, m.ref, want)
	}
	in.arrivedLocked()
	return nil
}

func (in *innocent) receiveShout(m message) error {
	var p struct {
		By   string
		N    int
		Text string
	}
	if err := json.Unmarshal(m.payload, &p); err != nil {
		return fmt.Errorf("broadcast %.200q: %w", m.payload, err)
	}
	for _, sender := range in.innocents {
		if sender.id == p.By {
			if p.N != in.last[p.By]+1 {
				return fmt.Errorf("broadcast %d of %s after %d", p.N, p.By, in.last[p.By])
			}
			in.last[p.By] = p.N
			return sender.heard(m.topic, p.N, p.Text)
		}
	}
	id := fmt.Sprint(p.By, ".", p.N)
	switch want, ok := in.messages[id]; {
	case !ok:
		return fmt.Errorf("broadcast %s must not have arrived", id)
	case want != shout{m.topic, p.Text}:
		return fmt.Errorf("broadcast %s: %.200q in %s, want %.200q in %s", id, p.Text, m.topic, want.text, want.topic)
	case in.seen[id]:
		return fmt.Errorf("broadcast %s has come twice", id)
	}
	in.seen[id] = true
	return nil
}

// heard notes that one more innocent has a broadcast of this one.
func (in *innocent) heard(topic string, n int, text string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if want, ok := in.shouts[n]; !ok || want != text || topic != in.topic {
		return fmt.Errorf("broadcast %d of %s: %.200q in %s, want %.200q", n, in.id, text, topic, want)
	}
	in.arrivedLocked()
	return nil
}

// errHungUp ends what an access receives after it has been closed.
var errHungUp = errors.New("hung up")

// socketLink is a WebSocket.
type socketLink struct {
	*world
	rnd  *rand.Rand
	conn *rawClient

	mu    sync.Mutex
	pings []string // that are to be answered
	ended bool
}

func (l *socketLink) open() (err error) {
	l.conn, err = l.world.handshake("/socket", "innocent", nil)
	if err == nil {
		l.conn.SetDeadline(time.Time{})
	}
	return err
}

// handshake opens a WebSocket of a user. What follows the request is written with it.
func (w *world) handshake(mount, user string, follows []byte) (*rawClient, error) {
	nc, err := w.dial()
	if err != nil {
		return nil, err
	}
	c := &rawClient{&rawclient.Client{Conn: nc, Reader: bufio.NewReader(nc)}, nil}
	if _, err := nc.Write(append([]byte(w.upgradeRequest(mount, user)), follows...)); err != nil {
		nc.Close()
		return nil, err
	}
	resp, err := http.ReadResponse(c.Reader, nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(resp.Status)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (w *world) upgradeRequest(mount, user string) string {
	request := "GET " + mount + "/websocket?vsn=2.0.0&user=" + user + " HTTP/1.1\r\nHost: " + w.addr +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	if w.deflate {
		request += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	return request + "\r\n"
}

func (l *socketLink) send(messages []string) error {
	var b []byte
	for _, m := range messages {
		parts := splitAtRandom(l.rnd, m)
		b = append(b, rawclient.Message(0x1, l.deflate && l.rnd.IntN(8) == 0, parts...)...)
		if l.rnd.IntN(4) == 0 {
			payload := fmt.Sprint("ping ", l.rnd.IntN(1000))
			l.mu.Lock()
			l.pings = append(l.pings, payload)
			l.mu.Unlock()
			b = append(b, rawclient.Frame(rawclient.Fin|0x9, payload)...)
		}
	}
	l.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.conn.Write(b)
	return err
}

// splitAtRandom cuts a text in up to four parts.
func splitAtRandom(rnd *rand.Rand, text string) (parts []string) {
	for range rnd.IntN(4) {
		n := rnd.IntN(len(text) + 1)
		parts, text = append(parts, text[:n]), text[n:]
	}
	return append(parts, text)
}

func (l *socketLink) receive() ([]string, error) {
	text, err := l.conn.ReadText()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && l.ended {
		return nil, errHungUp
	}
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case err != nil:
		return nil, err
	case kind == "pong" && len(l.pings) > 0 && rest == l.pings[0]:
		l.pings = l.pings[1:]
		return nil, nil
	case kind == "text", kind == "binary":
		return []string{rest}, nil
	}
	return nil, fmt.Errorf("it is sent %.100q", text)
}

func (l *socketLink) close() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
	}
}

// pollLink polls.
type pollLink struct {
	waiting *atomic.Int32 // of all that poll
	http    *http.Client
	url     string
	life    context.Context
	end     context.CancelFunc

	mu    sync.Mutex
	token string
}

func (l *pollLink) open() error {
	a, err := l.do(http.MethodGet, "")
	if err == nil && a.Status != http.StatusGone {
		err = fmt.Errorf("opened with %+v", a)
	}
	return err
}

// do makes a request. From its answer on it goes on with the token in that.
func (l *pollLink) do(method, body string) (a pollAnswer, err error) {
	l.mu.Lock()
	url := l.url
	if l.token != "" {
		url += "&token=" + l.token
	}
	l.mu.Unlock()
	req, err := http.NewRequestWithContext(l.life, method, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := l.http.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %.100q: %w", resp.Status, data, err)
	}
	if method == http.MethodGet {
		l.waiting.Add(-1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Token != "" {
		l.token = a.Token
	}
	return a, nil
}

func (l *pollLink) send(messages []string) error {
	a, err := l.do(http.MethodPost, strings.Join(messages, "\n"))
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("post: %+v", a)
	}
	return err
}

func (l *pollLink) receive() ([]string, error) {
	a, err := l.do(http.MethodGet, "")
	switch {
	case l.life.Err() != nil:
		return nil, errHungUp
	case err == nil && a.Status != http.StatusOK && a.Status != http.StatusNoContent:
		err = fmt.Errorf("poll: %+v", a)
	}
	return a.Messages, err
}

func (l *pollLink) close() { l.end() }
