package wsclient

import (
	"errors"
	"io"
	"net/http"
)

// errCut says that the server's bytes have ended. It is not io.EOF, nor does it wrap
// that: the WebSocket library takes an io.EOF underneath for the end of the message
// that it is reading, and would deliver what there is of it.
var errCut = errors.New("connection ended by the server")

// withoutEOF returns a client like c whose upgraded connections never return io.EOF.
func withoutEOF(c *http.Client) *http.Client {
	mine := *c
	mine.Transport = uncutTransport{c.Transport}
	return &mine
}

// uncutTransport is a transport; nil is the default one.
type uncutTransport struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t uncutTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.RoundTripper
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = uncut{conn}
	}
	return resp, nil
}

// uncut is a connection whose end is an error.
type uncut struct{ io.ReadWriteCloser }

// Read implements [io.Reader].
func (u uncut) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}
