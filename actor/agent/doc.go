// Package agent keeps state that many share, and runs functions on it, one at a time.
//
//	visits, err := agent.Start(sys, func() (map[string]int, error) { return map[string]int{}, nil })
//	…
//	err = agent.Update(ctx, visits, func(m map[string]int) map[string]int { m["ann"]++; return m })
//	n, err := agent.Get(ctx, visits, func(m map[string]int) int { return m["ann"] })
//
// An agent is an actor and its address an [actor.Ref], so it has a name, a mailbox, links
// and monitors as every actor does. [New] makes it a child of a supervisor:
//
//	child, visits := supervisor.ActorRef("visits", agent.New(newVisits))
//	…
//	n, err := agent.Get(ctx, visits.Now(), func(m map[string]int) int { return m["ann"] })
//
// After a restart the state is what init returns, and nothing of what there was.
//
// # Functions
//
// Functions run in the agent's goroutine, in the order in which they come; those of one
// goroutine come in the order of its calls. While one runs the others wait, so what takes
// long belongs on the caller's side. A function must not call its own agent: it would wait
// for itself.
//
// A function that panics or calls runtime.Goexit ends the agent, as in every actor: the
// caller gets an [*actor.CallError] with the reason, [*actor.PanicError] or [actor.Goexit],
// and those that wait behind it get the same. A function that does not return keeps the
// agent from everything else. Its callers go on when their contexts end, and its supervisor
// gives it up.
//
// # What the state refers to
//
// Functions get the state itself. Go copies a number or a struct, but not what a map, a
// slice or a pointer refers to, so for those two rules hold:
//
//   - only functions of Update, GetAndUpdate and Cast change what the state refers to;
//   - nothing that they change later leaves the agent: Get returns a count, a copy (such as
//     of [maps.Clone]), or a part that is never changed.
//
// A race detector finds whatever breaks them.
//
// # Examples
//
// The examples are in example_test.go: an agent, by itself and under a supervisor.
//
// Elixir: Agent.
package agent
