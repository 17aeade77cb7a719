package ws_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// mode is a way in which connections are read.
type mode struct {
	name               string
	park, tls, deflate bool
}

var modes = []mode{
	{name: "default"},
	{name: "parked", park: true},
	{name: "TLS", tls: true},
	{name: "compressed", deflate: true},
	{name: "parked and compressed", park: true, deflate: true},
}

// serveBehind starts an endpoint behind a front, whose connections are of the mode.
func (m mode) serveBehind(t testing.TB, front front, sockets ...ws.Socket) *server {
	t.Helper()
	for i := range sockets {
		sockets[i].Park, sockets[i].Compress = m.park, m.deflate
	}
	if !m.tls {
		return serveTCPBehind(t, front, sockets...)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, client := rawclient.TLS()
	s := serveBehind(t, newSystem(), tls.NewListener(l, server), front, sockets...)
	s.addr, s.tls = l.Addr().String(), client
	return s
}
