// Package frontends holds tests of endpoints that run behind the routers and the
// middleware of others. It is a module of its own so that programs which import ws do
// not depend on them.
package frontends
