package actor

import (
	"context"
	"reflect"
	"runtime/pprof"
	"sync"
)

// Runners carry labels for profiles if the Config of their system says so, see
// [Config.ProfileLabels]. They get them before they do anything else, because their
// goroutines began with those of the sender, or have run another actor.

// keepProfileLabels has the runners of a new actor carry labels. Those of a Wrapper are kept
// with the actor: its method is not trusted, and so too dear to be called for each runner.
func (p *process) keepProfileLabels(behavior any) {
	p.flags.Or(profiled)
	if _, ok := behavior.(Wrapper); !ok {
		return
	}
	labels := profileLabels(p.sys.userType(behavior))
	p.noteRare(func(x *rareRelations) { x.profile = labels })
}

// setProfileLabels gives the goroutine that is about to run the actor its labels.
func (p *process) setProfileLabels() {
	var labels context.Context
	forget(p, func(r *relations) {
		if r.rare != nil {
			labels = r.rare.profile
		}
	})
	if labels == nil {
		labels = profileLabels(reflect.TypeOf(p.typed.shown()))
	}
	pprof.SetGoroutineLabels(labels)
}

// profileLabelsOf has a context for each type of a behavior.
var profileLabelsOf sync.Map // reflect.Type → context.Context

// profileLabels returns a context with the labels of a type of behaviors.
func profileLabels(t reflect.Type) context.Context {
	if t == nil {
		return context.Background()
	}
	labels, ok := profileLabelsOf.Load(t)
	if !ok {
		made := pprof.WithLabels(context.Background(), pprof.Labels("behavior", t.String()))
		labels, _ = profileLabelsOf.LoadOrStore(t, made)
	}
	return labels.(context.Context)
}
