package scale

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/docs/bench/report"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/supervisor"
)

func groupMembers(b *bench) ([]report.Sample, error) {
	refs := b.spawn(b.n, nothing)
	var set group.Set[string]
	before := heap()
	join := b.each("join", func() {
		for _, r := range refs {
			check(set.Join("g", r.PID()))
		}
	})
	bytes := b.bytes("a membership", before)
	members := b.repeat("list all, for each", b.n, func() {
		if got := len(set.Members("g")); got != b.n {
			check(errors.New("members are missing"))
		}
	})
	leave := b.each("leave", func() {
		for _, r := range refs {
			check(set.Leave("g", r.PID()))
		}
	})
	return []report.Sample{join, bytes, members, leave}, nil
}

// mortal fails when it is sent anything.
type mortal struct {
	self  *atomic.Pointer[actor.Ref[int]]
	ready chan struct{}
}

func (m mortal) Init(ctx *actor.Context[int]) error {
	self := ctx.Self()
	m.self.Store(&self)
	m.ready <- struct{}{}
	return nil
}

func (mortal) Receive(*actor.Context[int], int) error { return errors.New("boom") }

// restart measures restarts of a child that start starts.
func (b *bench) restart(start func(supervisor.Child)) report.Sample {
	m := mortal{new(atomic.Pointer[actor.Ref[int]]), make(chan struct{}, 1)}
	start(supervisor.Actor("mortal", func() mortal { return m }))
	<-m.ready
	const some = 100
	return b.repeat("restart one", some, func() {
		for range some {
			m.self.Load().Send(1)
			<-m.ready
		}
	})
}

func idleChild(id string) supervisor.Child {
	return supervisor.Actor(id, actor.Func(func(*actor.Context[int], int) error { return nil }))
}

func staticChildren(b *bench) ([]report.Sample, error) {
	ctx := context.Background()
	spec := supervisor.Spec{Intensity: 1 << 30, Period: time.Microsecond}
	for i := range b.n {
		spec.Children = append(spec.Children, idleChild(strconv.Itoa(i)))
	}
	var tree supervisor.Tree
	before := heap()
	start := b.each("start, in the spec", func() { tree = must(supervisor.Start(b.sys, spec)) })
	bytes := b.bytes("a child", before)
	restart := b.restart(func(c supervisor.Child) { must(tree.StartChild(ctx, c)) })
	stop := b.each("stop the supervisor", func() { check(tree.Stop(ctx)) })
	return []report.Sample{start, bytes, restart, stop}, nil
}

func dynamicChildren(b *bench) ([]report.Sample, error) {
	ctx := context.Background()
	sup := must(supervisor.StartDynamic(b.sys, supervisor.DynamicSpec{Intensity: 1 << 30, Period: time.Microsecond}))
	before := heap()
	pids := make([]actor.PID, b.n)
	start := b.each("start", func() {
		for i := range pids {
			pids[i] = must(sup.StartChild(ctx, idleChild("")))
		}
	})
	bytes := b.bytes("a child", before)
	restart := b.restart(func(c supervisor.Child) { must(sup.StartChild(ctx, c)) })
	half := pids[:len(pids)/2]
	began := time.Now()
	for _, pid := range half {
		check(sup.TerminateChild(ctx, pid))
	}
	terminate := report.Sample{Metric: "terminate", Unit: "ns", Value: float64(time.Since(began).Nanoseconds()) / float64(len(half))}
	began = time.Now()
	check(sup.Stop(ctx))
	stop := report.Sample{Metric: "stop the supervisor", Unit: "ns", Value: float64(time.Since(began).Nanoseconds()) / float64(b.n-len(half))}
	return []report.Sample{start, bytes, restart, terminate, stop}, nil
}
