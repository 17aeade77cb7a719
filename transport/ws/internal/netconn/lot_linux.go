package netconn

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
	mu       sync.Mutex
	started  bool
	failed   error
	conns    []*Conn       // by descriptor
	interval time.Duration // between sweeps

	file   *os.File // the epoll instance; the runtime waits for it
	raw    syscall.RawConn
	events []syscall.EpollEvent // what collect has got
	done   chan struct{}        // closed when the goroutine has ended
}

// sweeps is how often, within the shortest idle timeout, a lot is swept.
const sweeps = 10

// open starts the lot, the first time, and sees to it that it is swept often enough for
// a connection with that idle timeout.
func (l *lot) open(idle time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		l.started = true
		l.interval = idle / sweeps
		l.failed = l.openLocked()
	}
	if interval := idle / sweeps; l.failed == nil && interval < l.interval {
		l.interval = interval
		return l.rearmLocked()
	}
	return l.failed
}

func (l *lot) openLocked() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or the runtime will not wait for it
		syscall.Close(fd)
		return fmt.Errorf("epoll: %w", err)
	}
	l.file = os.NewFile(uintptr(fd), "epoll")
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = l.rearmLocked()
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

// rearmLocked puts the next sweep off by an interval.
func (l *lot) rearmLocked() error { return l.file.SetReadDeadline(time.Now().Add(l.interval)) }

// close ends the lot, which may be opened again. No connection may be in it any more,
// nor come meanwhile.
func (l *lot) close() {
	l.mu.Lock()
	open := l.started && l.failed == nil
	l.started, l.conns = false, nil
	l.mu.Unlock()
	if open {
		l.file.Close()
		<-l.done
	}
}

// enter gives the connection a place, if it can have one. It must not be read yet.
func (l *lot) enter(c *Conn) error {
	if err := l.open(c.Config.IdleTimeout); err != nil {
		return err
	}
	c.raw.Control(func(fd uintptr) {
		c.parking.fd = int32(fd)
		c.parks = true
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
				c.parks = false
			}
		})
	})
	if !c.parks {
		l.leave(c)
	}
	return nil
}

// leave takes the connection's place away, before its descriptor is closed.
func (l *lot) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd := int(c.parking.fd); fd < len(l.conns) && l.conns[fd] == c {
		l.conns[fd] = nil
	}
}

// at returns the connection with that descriptor, or nil if there is none, and whether
// there may be some with higher ones.
func (l *lot) at(fd int) (c *Conn, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd >= len(l.conns) {
		return nil, false
	}
	return l.conns[fd], true
}

// run wakes connections, and sweeps, until the lot is closed.
func (l *lot) run() {
	defer close(l.done)
	for {
		err := l.raw.Read(l.collect)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.sweep()
			l.mu.Lock()
			err = l.rearmLocked()
			l.mu.Unlock()
		}
		if err != nil {
			return
		}
		for _, e := range l.events {
			// If the descriptor has become another connection's meanwhile, that one
			// wakes for nothing.
			if c, _ := l.at(int(e.Fd)); c != nil {
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

// sweep hangs up on connections that have been idle for too long. It holds the lock for
// one at a time, since there may be very many.
func (l *lot) sweep() {
	for fd := 0; ; fd++ {
		c, more := l.at(fd)
		if c != nil {
			c.expire()
		}
		if !more {
			return
		}
	}
}
