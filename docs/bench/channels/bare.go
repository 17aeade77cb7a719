package channels

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// bare is what a server of the protocol costs without actors: net/http,
// coder/websocket, and a map of topics. Nothing is supervised, limited or isolated,
// and a slow reader holds up everybody.
//
// There are two. The usual one reads within the HTTP handler and writes through the
// library. With lean set, the handler returns, buffers are small, and a broadcast
// is encoded once and written past the library: the best that we know to get out
// of it.
type bare struct {
	lean   bool
	mu     sync.RWMutex
	topics map[string]map[*bareConn]string // the subscribers' join refs
}

func newBare(lean bool) backend {
	b := &bare{lean: lean, topics: make(map[string]map[*bareConn]string)}
	return backend{Handler: b, stop: func(context.Context) error { return nil }}
}

type bareConn struct {
	net.Conn // when lean
	ws       *websocket.Conn
	carry    []byte
	mu       sync.Mutex
	topics   []string
}

// ServeHTTP serves the socket.
func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != socketPath+"/websocket" {
		http.NotFound(w, r)
		return
	}
	c := new(bareConn)
	if b.lean {
		w = &bareUpgrade{w, c}
	}
	var err error
	if c.ws, err = websocket.Accept(w, r, nil); err != nil {
		return
	}
	if b.lean {
		go b.serve(c)
	} else {
		b.serve(c)
	}
}

type bareUpgrade struct {
	http.ResponseWriter
	conn *bareConn
}

// Hijack hands the library small buffers.
func (u *bareUpgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, buffered, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	c := u.conn
	c.Conn, c.carry = nc, bytes.Clone(early)
	return c, bufio.NewReadWriter(bufio.NewReaderSize(c, 512), bufio.NewWriterSize(c, 128)), nil
}

// Read reads what came with the handshake first.
func (c *bareConn) Read(p []byte) (int, error) {
	if len(c.carry) > 0 {
		n := copy(p, c.carry)
		c.carry = c.carry[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Write keeps the library's control frames apart from the data.
func (c *bareConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.Write(p)
}

func (b *bare) serve(c *bareConn) {
	defer b.leave(c)
	for {
		var data []byte
		var err error
		if b.lean {
			data, err = c.read()
		} else {
			_, data, err = c.ws.Read(context.Background())
		}
		if err != nil {
			return
		}
		var m [5]json.RawMessage
		if err := json.Unmarshal(data, &m); err != nil {
			c.ws.Close(websocket.StatusInvalidFramePayloadData, "")
			return
		}
		b.handle(c, m)
	}
}

var bareBuffers = sync.Pool{New: func() any { return new([4096]byte) }}

func (c *bareConn) read() ([]byte, error) {
	_, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	buf := bareBuffers.Get().(*[4096]byte)
	defer bareBuffers.Put(buf)
	n, err := io.ReadFull(r, buf[:])
	if err == nil {
		rest, err := io.ReadAll(r)
		return append(bytes.Clone(buf[:n]), rest...), err
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return bytes.Clone(buf[:n]), err
}

func (b *bare) handle(c *bareConn, m [5]json.RawMessage) {
	var topic, event string
	json.Unmarshal(m[2], &topic)
	json.Unmarshal(m[3], &event)
	response := []byte("{}")
	switch event {
	case "phx_join":
		b.join(c, topic, string(m[0]))
	case "echo":
		response = m[4]
	case "shout":
		b.shout(topic, m)
	}
	reply := newBareFrame()
	reply = append(append(reply, '['), m[0]...)
	reply = append(append(reply, ','), m[1]...)
	reply = append(append(reply, ','), m[2]...)
	reply = append(reply, `,"phx_reply",{"status":"ok","response":`...)
	reply = append(append(reply, response...), "}]"...)
	b.write(c, reply)
}

func (b *bare) join(c *bareConn, topic, ref string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	members := b.topics[topic]
	if members == nil {
		members = make(map[*bareConn]string)
		b.topics[topic] = members
	}
	members[c] = ref
	c.topics = append(c.topics, topic)
}

func (b *bare) leave(c *bareConn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, topic := range c.topics {
		delete(b.topics[topic], c)
		if len(b.topics[topic]) == 0 {
			delete(b.topics, topic)
		}
	}
	c.ws.CloseNow()
}

// shout is the bare loop of writes.
func (b *bare) shout(topic string, m [5]json.RawMessage) {
	frame := append(newBareFrame(), "[null,null,"...)
	frame = append(append(frame, m[2]...), ',')
	frame = append(append(frame, m[3]...), ',')
	frame = append(append(frame, m[4]...), ']')
	if b.lean {
		frame = sealBare(frame)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for c := range b.topics[topic] {
		if b.lean {
			c.Write(frame)
		} else {
			c.ws.Write(context.Background(), websocket.MessageText, frame[bareHeader:])
		}
	}
}

func (b *bare) write(c *bareConn, frame []byte) {
	if b.lean {
		c.Write(sealBare(frame))
	} else {
		c.ws.Write(context.Background(), websocket.MessageText, frame[bareHeader:])
	}
}

const bareHeader = 4

func newBareFrame() []byte { return make([]byte, bareHeader, 128) }

// sealBare puts the header before a text of up to 64 KiB.
func sealBare(frame []byte) []byte {
	n := len(frame) - bareHeader
	if n < 126 {
		frame = frame[2:]
		frame[0], frame[1] = 0x81, byte(n)
		return frame
	}
	frame[0], frame[1] = 0x81, 126
	binary.BigEndian.PutUint16(frame[2:], uint16(n))
	return frame
}
