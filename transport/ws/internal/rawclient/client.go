package rawclient

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Client is a connection to a server, which it writes to as it likes.
type Client struct {
	net.Conn
	Reader *bufio.Reader // of what comes
}

// Request sends the handshake for target with further lines in its header and, in the
// same write, whatever follows. It returns the answer, which may be a refusal.
func Request(nc net.Conn, target, lines string, follows []byte) (*Client, *http.Response, error) {
	request := "GET " + target + " HTTP/1.1\r\nHost: " + nc.RemoteAddr().String() +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + lines + "\r\n"
	if _, err := nc.Write(append([]byte(request), follows...)); err != nil {
		return nil, nil, err
	}
	c := &Client{nc, bufio.NewReader(nc)}
	resp, err := http.ReadResponse(c.Reader, nil)
	return c, resp, err
}

// ReadFrame reads one of the server's frames, of which first is the first byte.
func (c *Client) ReadFrame() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.Reader, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(c.Reader, long[6:])
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(c.Reader, long[:])
		n = binary.BigEndian.Uint64(long[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.Reader, payload)
	return head[0], payload, err
}

// ReadText reads a frame as a text, such as "text:Hello", "pong:" or "close:1000 bye".
func (c *Client) ReadText() (string, error) {
	first, payload, err := c.ReadFrame()
	if err != nil {
		return "", err
	}
	if first&RSV1 != 0 {
		z := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(deflateTail)))
		if payload, err = io.ReadAll(z); err != nil {
			return "", err
		}
	}
	name := map[byte]string{OpText: "text:", OpBinary: "binary:", OpClose: "close:", OpPing: "ping:", OpPong: "pong:"}[first&0x0f]
	if name == "close:" && len(payload) >= 2 {
		return strings.TrimSpace(fmt.Sprint(name, binary.BigEndian.Uint16(payload), " ", string(payload[2:]))), nil
	}
	return name + string(payload), nil
}
