//go:build !unix

package netconn

import (
	"net"
	"syscall"
)

// rawConn returns nil: there are no reads and writes that do not wait. All writes
// go through the queue.
func rawConn(net.Conn) syscall.RawConn { return nil }

func (c *Conn) readOnce(uintptr) bool { return true }

func tryWrite(_ syscall.RawConn, b []byte) ([]byte, error) { return b, nil }
