package ws

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// lot is where parked connections wait: an epoll instance, and one goroutine that
// wakes them and ends those that have waited too long. It starts with the first
// connection that parks.
//
// Connections are watched edge-triggered from their first to their last moment,
// also while they are read, which takes no system call for each message.
type lot struct {
	mu      sync.Mutex
	started bool
	failed  error
	conns   []*conn // by descriptor

	file     *os.File // the epoll instance; the runtime waits for it
	raw      syscall.RawConn
	events   []syscall.EpollEvent // what collect has got
	interval time.Duration        // between sweeps
	done     chan struct{}        // closed when the goroutine has ended
}

// sweeps is how often, within the shortest idle timeout, a lot is swept.
const sweeps = 10

// open starts the lot, the first time, for the connections of the given sockets.
func (l *lot) open(sockets []Socket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		l.started = true
		if l.failed = l.openLocked(sockets); l.failed != nil {
			l.failed = fmt.Errorf("ws: connections do not park: %w", l.failed)
		}
	}
	return l.failed
}

func (l *lot) openLocked(sockets []Socket) error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or the runtime will not wait for it
		syscall.Close(fd)
		return fmt.Errorf("epoll: %w", err)
	}
	l.file = os.NewFile(uintptr(fd), "epoll")
	l.interval = sockets[0].IdleTimeout / sweeps
	for _, s := range sockets[1:] {
		l.interval = min(l.interval, s.IdleTimeout/sweeps)
	}
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = l.file.SetReadDeadline(time.Now().Add(l.interval))
	}
	if err != nil {
		l.file.Close()
		return fmt.Errorf("epoll: %w", err)
	}
	l.events = make([]syscall.EpollEvent, 256)
	l.done = make(chan struct{})
	go l.run()
	return nil
}

// close ends the lot. No connection may be in it any more, nor come.
func (l *lot) close() {
	l.mu.Lock()
	open := l.started && l.failed == nil
	l.mu.Unlock()
	if open {
		l.file.Close()
		<-l.done
	}
}

// enter gives the connection a place, if it can have one. It must not be read yet.
func (l *lot) enter(c *conn) {
	if c.raw == nil {
		return
	}
	if err := l.open(c.endpoint.mounts); err != nil {
		c.endpoint.log.Warn("connection not parked", "error", err)
		return
	}
	c.raw.Control(func(fd uintptr) {
		c.parking.fd = int32(fd)
		c.parking.on = true
		l.mu.Lock()
		for len(l.conns) <= int(fd) {
			l.conns = append(l.conns, nil)
		}
		l.conns[fd] = c
		l.mu.Unlock()
		const edge = 1 << 31 // EPOLLET, whose sign differs between architectures
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edge, Fd: int32(fd)}
		l.raw.Control(func(epoll uintptr) {
			if syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_ADD, int(fd), &event) != nil {
				c.parking.on = false
			}
		})
	})
	if !c.parking.on {
		l.leave(c)
	}
}

// leave takes the connection's place away, before its descriptor is closed.
func (l *lot) leave(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd := int(c.parking.fd); fd < len(l.conns) && l.conns[fd] == c {
		l.conns[fd] = nil
	}
}

// run wakes connections, and sweeps, until the lot is closed.
func (l *lot) run() {
	defer close(l.done)
	for {
		err := l.raw.Read(l.collect)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.sweep()
			err = l.file.SetReadDeadline(time.Now().Add(l.interval))
		}
		if err != nil {
			return
		}
		for _, e := range l.events {
			l.mu.Lock()
			c := l.conns[e.Fd]
			l.mu.Unlock()
			// If the descriptor has become another connection's meanwhile, that one
			// wakes for nothing.
			if c != nil {
				c.wake(e.Events&^syscall.EPOLLIN != 0)
			}
		}
	}
}

// collect gets events without waiting. It is the callback of RawConn.Read, which
// waits for there to be some, and calls again, if it returns false.
func (l *lot) collect(epoll uintptr) bool {
	l.events = l.events[:cap(l.events)]
	n, err := syscall.EpollWait(int(epoll), l.events, 0)
	l.events = l.events[:max(n, 0)]
	return n > 0 || err != nil
}

// sweep hangs up on connections that have been idle for too long.
func (l *lot) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		if c != nil {
			c.expire()
		}
	}
}
