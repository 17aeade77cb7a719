// Package channels measures servers of Phoenix's channels protocol, side by side:
// how fast clients connect and join, what an idle connection costs, how fast
// events are answered, and how long a broadcast takes to reach everybody.
//
// The load generator is this process: a few thousand sockets on one epoll thread,
// with frames made by hand, so that it takes as little as possible of the machine
// that it shares with the server. The servers are child processes of the same
// binary, or anything else on a loopback port that speaks the events "echo" and
// "shout" of the conformance fixture on "room:*".
//
// With several servers at once, each has a process of clients, too, because a client
// takes as many descriptors as its server does.
//
// It runs on Linux only: it needs epoll, and /proc to look at the servers.
package channels
