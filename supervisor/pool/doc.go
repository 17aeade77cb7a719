// Package pool keeps workers that handle messages from one queue: each job goes to the next
// worker that is free, and a worker's crash costs no more than the job that it had.
//
//	payments := pool.New(pool.Config{ID: "payments", Min: 2, Max: 8}, newWorker)
//	…
//	supervisor.Main(supervisor.Program{Spec: supervisor.Spec{
//		Children: []supervisor.Child{payments.Child(), web},
//	}})
//	…
//	payments.Send(charge{order, amount})
//	receipt, err := pool.Call(ctx, payments, newCharge) // func newCharge(r actor.Reply[receipt]) message
//	pool.AskTo(c, payments, newCharge, charged)         // func charged(r receipt, err error) answer
//
// A worker is an actor with any behavior. It needs to know nothing of the pool. A job brings
// the values of its sender's context, as a message to an actor does, see [actor.Instrument].
//
// # Queue
//
// Jobs wait in the queue and not with a worker, so no job is stuck behind a slow one while
// another worker is free, and none is lost with a worker that has not begun it. The queue
// may be bounded, with what happens to one job too many, see [Config.Queue].
//
// # Crashes
//
// When a worker crashes over a job, the job is dropped, or it goes to the front of the
// queue for another worker, up to [Config.Attempts] times. So with one attempt, the
// default, a job is begun at most once; with more it may be done more than once, if a
// worker has done it and then failed. [Config.OnDrop] hears of what was dropped, and a call
// fails at once. The worker is replaced, after a back-off; crashes do not end the pool
// unless [Config.Intensity] says so.
//
// # End
//
// A pool that is told to end takes no more jobs, and its workers go on with those that it
// has for as long as [Config.Drain]. Then it drops the others, and the workers are stopped
// like children of a supervisor. A worker that still has a job in hand is told to end: if
// its handler returns nil the job is done, otherwise it is dropped. If the pool is killed
// all that waits is dropped.
//
// For work that must go to the same actor each time, by a key, there is
// [supervisor.Partition]. For functions in place of actors see package task.
//
// # Examples
//
// The examples are in example_test.go: calls and their errors, a queue that is full, jobs
// that are tried again, and a pool that grows and shrinks. The program examples/orders has
// workers that charge for orders.
//
// Erlang: worker_pool and poolboy are such pools; OTP has none.
package pool
