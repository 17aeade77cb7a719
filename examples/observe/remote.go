package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// remote is a program's observer as its clients see it.
type remote struct {
	client  *wsclient.Client
	channel *wsclient.Channel
	hello   greeting
	over    chan error // has why nothing more will come, or is true any more
}

// greeting is what the observer says of itself, as far as it is of use here.
type greeting struct {
	Tables    []string `json:"tables"`
	Endpoints []string `json:"endpoints"`
}

const patience = 10 * time.Second // for a connection, and for an answer

// dial connects to the observer whose page is at the given address.
func dial(ctx context.Context, page string, header http.Header) (*remote, error) {
	u, err := address(page)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := wsclient.Dial(ctx, wsclient.Config{
		URL: u.JoinPath("socket").String(), Header: header, Logger: slog.New(slog.DiscardHandler),
		HeartbeatInterval: patience / 2, // so that a program that hangs is noticed
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), notConnected(ctx, u, header, err))
	}
	o := &remote{client: client, channel: client.Channel("observer", nil), over: make(chan error, 1)}
	hello, err := o.channel.Join(ctx)
	if err == nil {
		err = hello.Decode(&o.hello)
	}
	if err != nil {
		o.close(ctx)
		return nil, fmt.Errorf("%s: %w", u.Redacted(), refusal(err))
	}
	// The client would come back, to another session, in which nothing is watched or traced.
	o.channel.OnError(func(err error) { o.end(fmt.Errorf("the program is not there any more: %w", err)) })
	o.channel.OnClose(o.end)
	o.channel.On("ended", func(wsclient.Message) { o.end(&query.Error{Reason: query.Forbidden, Message: "the session is over"}) })
	return o, nil
}

// end ends what goes on. The first reason counts.
func (o *remote) end(err error) {
	select {
	case o.over <- err:
	default:
	}
}

// address returns the URL of a page. It may be copied from the browser, or lack the scheme.
func address(page string) (*url.URL, error) {
	if !strings.Contains(page, "://") {
		page = "http://" + page
	}
	u, err := url.Parse(page)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not like http://127.0.0.1:4000/observer/", page)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// notConnected returns why there is no connection, as a person can make use of it.
func notConnected(ctx context.Context, page *url.URL, header http.Header, err error) error {
	refused, ok := errors.AsType[*wsclient.ConnectError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer in %v", patience)
	case refused.StatusCode == 0:
		return refused.Err
	case refused.StatusCode == http.StatusNotFound:
		return errors.New("there is no observer: the URL must be that of its page")
	}
	return fmt.Errorf("refused with status %d: %s", refused.StatusCode, cmp.Or(said(ctx, page, header), "-header sends what it may want"))
}

// said returns what the server says to those that open the page, if it is a line of text: the
// handshake of a WebSocket has no text.
func said(ctx context.Context, page *url.URL, header http.Header) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return ""
	}
	maps.Copy(r.Header, header)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 500))
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "text/plain" || answer.StatusCode < 400 {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

func (o *remote) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = o.client.Close(ctx) // there is nothing to save
}

// ask asks one question, and reads the answer into v.
func (o *remote) ask(ctx context.Context, question string, params, v any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := o.channel.Push(ctx, question, params)
	if err != nil {
		return refusal(err)
	}
	return answer.Decode(v)
}

// refusal returns the error that the observer has answered with, if it has.
func refusal(err error) error {
	var payload wsclient.Payload
	if reply, ok := errors.AsType[*wsclient.ReplyError](err); ok {
		payload = reply.Payload
	} else if join, ok := errors.AsType[*wsclient.JoinError](err); ok {
		payload = join.Payload
	}
	var told query.Error
	switch {
	case payload.Decode(&told) != nil || told.Reason == "":
		return err
	case told.Message == "": // ws's own refusal: nobody knows the topic
		return fmt.Errorf("there is a socket, but not an observer's: %s", told.Reason)
	}
	return &told
}

// tell asks one question, and shows the answer.
func tell[A any](ctx context.Context, o *remote, out io.Writer, w wishes, question string, p params, print func(*A)) error {
	var answer A
	if err := o.ask(ctx, question, p, &answer); err != nil {
		return err
	}
	return show(out, w, &answer, func() { print(&answer) })
}

// show prints an answer as JSON if that is wanted, and otherwise as print does.
func show(out io.Writer, w wishes, answer any, print func()) error {
	if !w.json {
		print()
		return nil
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(answer)
}
