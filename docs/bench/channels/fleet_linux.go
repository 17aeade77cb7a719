package channels

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// fleet is all clients of one server, driven by one goroutine: nothing of it may be
// used by two at a time.
type fleet struct {
	addr    netip.AddrPort
	request []byte // the handshake
	epoll   int
	clients []*client
	byFD    []*client // file descriptor → client
	buffer  []byte    // what is read, for all
	events  []syscall.EpollEvent

	// What is being measured says what follows on a client's handshake, and on a
	// message. They may send.
	onOpen    func(*client)
	onMessage func(*client, []byte)

	lost error // the first connection that broke
}

// client is one connection.
type client struct {
	fd    int
	id    int
	open  bool      // the handshake is through
	gone  bool      // the server has closed it
	deaf  bool      // it does not read
	rest  []byte    // the beginning of a frame
	sent  time.Time // when its last request went out
	frame []byte    // the request that it sends over and over
}

var errLate = errors.New("not done in time")

func newFleet(addr netip.AddrPort, path string) (*fleet, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &fleet{
		addr: addr,
		request: []byte("GET " + path + "/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: " + addr.String() +
			"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
		epoll:  epoll,
		buffer: make([]byte, 256<<10),
		events: make([]syscall.EpollEvent, 512),
	}, nil
}

// close hangs up on the server, without the formalities: the ports are free for the
// next fleet at once.
func (f *fleet) close() {
	for _, c := range f.clients {
		f.drop(c)
	}
	syscall.Close(f.epoll)
}

func (f *fleet) drop(c *client) {
	if c.fd >= 0 {
		syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		syscall.Close(c.fd)
		f.byFD[c.fd] = nil
		c.fd = -1
	}
}

const (
	// portsEach is how many clients share an address of this machine, of which
	// 127.0.0.0/8 has many.
	portsEach = 2000
	// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect.
	bindAddressNoPort = 24
)

// dial adds a client and sends its handshake. Set buffer to bound what the kernel
// receives for it.
func (f *fleet) dial(buffer int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c := &client{fd: fd, id: len(f.clients)}
	if buffer > 0 {
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer)
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	// Of one address the kernel would have to search long for a free port.
	source := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + c.id/portsEach)}}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1)
	if err := syscall.Bind(fd, source); err != nil {
		syscall.Close(fd)
		return fmt.Errorf("bind to %v: %w", source.Addr, err)
	}
	// Waits for the kernel only: it is on this machine.
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(f.addr.Port()), Addr: f.addr.Addr().As4()}); err != nil {
		syscall.Close(fd)
		return fmt.Errorf("connect to %v: %w", f.addr, err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)}
	if err := syscall.EpollCtl(f.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	for len(f.byFD) <= fd {
		f.byFD = append(f.byFD, nil)
	}
	f.byFD[fd] = c
	f.clients = append(f.clients, c)
	f.write(c, f.request)
	return nil
}

// deafen keeps the client from reading any more.
func (f *fleet) deafen(c *client) {
	c.deaf = true
	syscall.EpollCtl(f.epoll, syscall.EPOLL_CTL_DEL, c.fd, nil)
}

// write sends a frame. What a client sends always fits into an empty socket
// buffer; one that does not is an error.
func (f *fleet) write(c *client, frame []byte) {
	if n, err := syscall.Write(c.fd, frame); err != nil || n < len(frame) {
		f.fail(c, fmt.Errorf("write: %d of %d bytes: %w", n, len(frame), err))
	}
}

func (f *fleet) fail(c *client, err error) {
	c.gone = true
	if f.lost == nil {
		f.lost = fmt.Errorf("client %d: %w", c.id, err)
	}
}

// drive reads what comes until done says so. It fails when a connection breaks, and
// when the time is over.
func (f *fleet) drive(ctx context.Context, limit time.Duration, done func() bool) error {
	deadline := time.Now().Add(limit)
	for !done() {
		if f.lost != nil {
			return f.lost
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %v", errLate, limit)
		}
		f.turn(50 * time.Millisecond)
	}
	return f.lost
}

// turn waits for something to come, and reads it.
func (f *fleet) turn(wait time.Duration) {
	n, err := syscall.EpollWait(f.epoll, f.events, int(wait.Milliseconds()))
	if err != nil && err != syscall.EINTR {
		f.lost = fmt.Errorf("epoll_wait: %w", err)
		return
	}
	for _, e := range f.events[:max(n, 0)] {
		if c := f.byFD[e.Fd]; c != nil {
			f.read(c)
		}
	}
}

// read reads once; what is left makes epoll report the client again.
func (f *fleet) read(c *client) {
	n, err := syscall.Read(c.fd, f.buffer)
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return
	case err == nil && n == 0:
		err = net.ErrClosed
	}
	if err != nil {
		f.fail(c, err)
		f.drop(c)
		return
	}
	data := f.buffer[:n]
	if len(c.rest) > 0 {
		data = append(c.rest, data...)
		c.rest = nil
	}
	if !c.open {
		head, rest, ok := bytes.Cut(data, []byte("\r\n\r\n"))
		if !ok {
			c.rest = bytes.Clone(data)
			return
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			f.fail(c, fmt.Errorf("handshake refused: %.60s", head))
			return
		}
		c.open = true
		f.onOpen(c)
		data = rest
	}
	for {
		opcode, payload, rest, ok := cutFrame(data)
		if !ok {
			break
		}
		data = rest
		switch opcode {
		case opClose:
			f.fail(c, fmt.Errorf("closed by the server: %x", payload))
		case opPing: // servers under test ping nobody within the minutes of a run
		default:
			f.onMessage(c, payload)
		}
	}
	if len(data) > 0 {
		c.rest = bytes.Clone(data)
	}
}
