package netconn

import (
	"bufio"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// This file is all that the server takes from github.com/coder/websocket: it checks the
// handshake of a request and chooses the answer, and gets no connection. What that relies
// on is numbered here, and tested one by one in coder_test.go:
//
//  1. A request that is no good handshake is answered through the ResponseWriter, and is
//     an error; the connection is not asked for.
//  2. The answer to a good one is all in the header: Upgrade, Connection,
//     Sec-WebSocket-Accept, and what was chosen of the subprotocols and extensions.
//  3. It is committed by WriteHeader with status 101, and only then the connection is
//     taken over, by Hijack of the ResponseWriter that Accept was given.
//  4. The only extension is permessage-deflate, chosen if the options have it and the
//     client offers it; without context takeover on either side, as sealing and reading
//     of frames suppose.
//  5. Origins are not looked at with InsecureSkipVerify.
//  6. Accept neither reads nor writes the connection, and CloseNow only closes it. No
//     goroutine or timer is left.

// The fields of a header that the library writes into.
const (
	protocolField   = "Sec-WebSocket-Protocol"
	extensionsField = "Sec-WebSocket-Extensions"
)

var answerFields = []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", protocolField, extensionsField}

// negotiate checks a handshake, whose origin has been checked. The answer is in w's
// header then, but a refusal is written.
func negotiate(w http.ResponseWriter, r *http.Request, c *Config) error {
	mode := websocket.CompressionDisabled
	if c.Compress {
		mode = websocket.CompressionNoContextTakeover
	}
	ws, err := websocket.Accept(&negotiation{w}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true,
		Subprotocols:       c.Subprotocols,
		CompressionMode:    mode,
	})
	if err != nil {
		return err
	}
	ws.CloseNow() // it has done its part
	return nil
}

// negotiation has the library accept a handshake without a connection. Refusals are
// written to the ResponseWriter.
type negotiation struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (n *negotiation) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		n.ResponseWriter.WriteHeader(status)
	}
}

// Hijack implements [http.Hijacker].
func (n *negotiation) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nowhere{}, bufio.NewReadWriter(bufio.NewReaderSize(nil, 16), bufio.NewWriterSize(nil, 16)), nil
}

// nowhere is the connection that the library gets. All that it does with it is to
// close it.
type nowhere struct{ net.Conn }

// Close implements [net.Conn].
func (nowhere) Close() error { return nil }
