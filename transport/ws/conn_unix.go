//go:build unix

package ws

import "syscall"

// writeOnce writes c.try as far as the kernel takes it without waiting. It is the
// callback of RawConn.Write, which returns when the callback returns true.
func (c *conn) writeOnce(fd uintptr) bool {
	for len(c.try) > 0 {
		n, err := syscall.Write(int(fd), c.try)
		if n > 0 {
			c.try = c.try[n:]
		}
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			c.tryErr = err
			return true
		}
	}
	return true
}
