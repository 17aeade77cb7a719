//go:build unix

package netconn

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// rawConn returns what the connection's descriptor is reached by, or nil if there
// is more to the connection than that.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := nc.(syscall.Conn).SyscallConn(); err == nil {
			return raw
		}
	}
	return nil // a type that embeds one of them may read and write otherwise
}

// readOnce reads into c.in, without waiting. It is the callback of RawConn.Read,
// which waits and calls again if the callback returns false.
func (c *Conn) readOnce(fd uintptr) bool {
	in := chunks.Get().(*chunk)
	n, err := syscall.Read(int(fd), in.data)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), in.data)
	}
	if n > 0 {
		in.lo, in.hi = 0, n
		c.in, c.drained = in, n < len(in.data)
		return true
	}
	in.free()
	switch err {
	case syscall.EAGAIN:
		c.drained = true
		return !c.waits
	case nil:
		err = io.EOF
	}
	c.err = err
	return true
}

// attempt is one try to write without waiting.
type attempt struct {
	rest []byte // what the kernel has not taken
	err  error
	once func(fd uintptr) bool // the method write, made once
}

// attempts recycles attempts: the callback of RawConn.Write would otherwise
// allocate.
var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.once = a.write
	return a
}}

// tryWrite writes b as far as the kernel takes it without waiting, and returns the
// rest.
func tryWrite(raw syscall.RawConn, b []byte) (rest []byte, err error) {
	a := attempts.Get().(*attempt)
	a.rest = b
	err = raw.Write(a.once)
	if err == nil {
		err = a.err
	}
	rest = a.rest
	a.rest, a.err = nil, nil
	attempts.Put(a)
	return rest, err
}

// write is the callback of RawConn.Write, which returns when the callback returns
// true.
func (a *attempt) write(fd uintptr) bool {
	for len(a.rest) > 0 {
		n, err := syscall.Write(int(fd), a.rest)
		if n > 0 {
			a.rest = a.rest[n:]
		}
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			a.err = err
			return true
		}
	}
	return true
}
