package wsclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// link is what carries the messages of a connection: a WebSocket, or polling in its
// place.
type link interface {
	Read(context.Context) (websocket.MessageType, []byte, error)
	Write(context.Context, websocket.MessageType, []byte) error
	Close(websocket.StatusCode, string) error
	CloseNow() error
}

// pollFor is how long the answer to a poll may take: far longer than a server makes a
// client wait that has nothing to tell.
const pollFor = 20 * time.Second

// poller is a session of a server's with a client that polls. What the server has sent
// is fetched by GET, what the client sends is posted.
type poller struct {
	http   *http.Client
	target *url.URL // with the parameters to connect with
	header http.Header
	limit  int             // of a message, in bytes
	life   context.Context // until it is closed
	end    context.CancelFunc

	mu    sync.Mutex
	token string // of the session, and of the answer that has been read

	waiting []string // messages of the last answer; only Read's
}

// pollAnswer is what a server answers. Its Status is the one that counts.
type pollAnswer struct {
	Status   int      `json:"status"`
	Token    string   `json:"token"`
	Messages []string `json:"messages"`
}

var errGone = errors.New("the session is gone")

// openPoll opens a session: the answer to a poll without a token is one with status 410
// and a token.
func openPoll(ctx context.Context, p *poller) (*poller, error) {
	p.life, p.end = context.WithCancel(context.Background())
	answer, err := p.ask(ctx, http.MethodGet, nil)
	if err == nil && (answer.Status != http.StatusGone || answer.Token == "") {
		err = &ConnectError{StatusCode: answer.Status, Err: fmt.Errorf("status %d", answer.Status)}
	}
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// ask makes a request.
func (p *poller) ask(ctx context.Context, method string, body []byte) (answer pollAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	p.mu.Lock()
	target, query := *p.target, p.target.Query()
	if p.token != "" {
		query.Add("token", p.token) // behind a parameter of that name
	}
	p.mu.Unlock()
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return answer, withoutURL(err)
	}
	req.Header = p.header.Clone()
	req.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return answer, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return pollAnswer{Status: resp.StatusCode}, nil
	}
	// In JSON text a byte of a message may take six.
	data, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, 8*int64(p.limit)))
	if err != nil {
		return answer, err
	}
	if err = json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("answer to a poll: %w", err)
	}
	if answer.Token != "" {
		p.mu.Lock()
		p.token = answer.Token
		p.mu.Unlock()
	}
	return answer, nil
}

// Read returns the next message, for which it polls if there is none.
func (p *poller) Read(ctx context.Context) (websocket.MessageType, []byte, error) {
	for len(p.waiting) == 0 {
		answer, err := p.ask(ctx, http.MethodGet, nil)
		if err != nil {
			return 0, nil, err
		}
		switch answer.Status {
		case http.StatusOK:
			p.waiting = answer.Messages
		case http.StatusNoContent:
		case http.StatusGone:
			return 0, nil, errGone
		default:
			return 0, nil, fmt.Errorf("a poll was answered with status %d", answer.Status)
		}
	}
	m := p.waiting[0]
	p.waiting = p.waiting[1:]
	if len(m) > p.limit {
		return 0, nil, fmt.Errorf("a message has %d bytes", len(m))
	}
	return websocket.MessageText, []byte(m), nil
}

// Write posts a message: text as a line, bytes as a line of base64.
func (p *poller) Write(ctx context.Context, typ websocket.MessageType, data []byte) error {
	if typ == websocket.MessageBinary {
		data = base64.StdEncoding.AppendEncode(nil, data)
	} else {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte(" ")) // between two tokens of JSON
	}
	answer, err := p.ask(ctx, http.MethodPost, data)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("a message was answered with status %d", answer.Status)
	}
	return err
}

// Close ends polling. The server's session ends when it has waited for a poll in vain:
// the protocol has no other way.
func (p *poller) Close(websocket.StatusCode, string) error { return p.CloseNow() }

// CloseNow is Close.
func (p *poller) CloseNow() error {
	p.end()
	return nil
}
