package view

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/registry"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// Registry shows the entries of a registry.
func Registry[K comparable](name string, r *registry.Registry[K]) Table {
	return entries(name, r.All, r.Count)
}

// Multi shows the entries of a registry with several of a key.
func Multi[K comparable](name string, m *registry.Multi[K]) Table {
	return entries(name, m.All, m.Count)
}

func entries[K comparable](name string, all func() iter.Seq2[K, registry.Entry], count func() int) Table {
	return Table{name, []string{"key", "pid", "name", "value"}, func(ctx context.Context, filter string, limit int) ([][]string, int, error) {
		s := newSelection(ctx, filter, limit)
		for key, e := range all() {
			if s.isOver() {
				break
			}
			k, pid := text(key), e.PID.String()
			if s.matches(k, pid) {
				s.add(func() []string { return []string{k, pid, e.PID.Name(), text(e.Value)} })
			}
		}
		return s.result(count())
	}}
}

// Groups shows groups, with the number of their members on all nodes and on this one.
func Groups[G comparable](name string, set *group.Set[G]) Table {
	return Table{name, []string{"group", "members", "here"}, func(ctx context.Context, filter string, limit int) ([][]string, int, error) {
		s, groups := newSelection(ctx, filter, limit), set.Groups()
		for _, g := range groups {
			if s.isOver() {
				break
			}
			t := text(g)
			if s.matches(t) {
				s.add(func() []string {
					return []string{t, strconv.Itoa(len(set.Members(g))), strconv.Itoa(len(set.LocalMembers(g)))}
				})
			}
		}
		return s.result(len(groups))
	}}
}

// Topics shows the topics that have subscribers on this node, with their number.
func Topics[T any](name string, ps *pubsub.PubSub[T]) Table {
	return Table{name, []string{"topic", "subscribers"}, func(ctx context.Context, filter string, limit int) ([][]string, int, error) {
		s := newSelection(ctx, filter, limit)
		for topic, n := range ps.All() {
			if s.isOver() {
				break
			}
			t := text(topic)
			if s.matches(t) {
				s.add(func() []string { return []string{t, strconv.Itoa(n)} })
			}
		}
		return s.result(ps.Topics())
	}}
}

// Entities shows the entities of a set that run.
func Entities[K comparable, M any](name string, set *entity.Set[K, M]) Table {
	return Table{name, []string{"key", "pid", "waiting", "restarts"}, func(ctx context.Context, filter string, limit int) ([][]string, int, error) {
		s := newSelection(ctx, filter, limit)
		for key, ref := range set.All() {
			if s.isOver() {
				break
			}
			pid := ref.PID()
			k, p := text(key), pid.String()
			if s.matches(k, p) {
				s.add(func() []string {
					return []string{k, p, strconv.Itoa(pid.QueueLen()), strconv.Itoa(pid.Restarts())}
				})
			}
		}
		return s.result(set.Count())
	}}
}

// Pool is any [pool.Pool].
type Pool interface {
	ID() string
	Stats() pool.Stats
}

// Pools shows pools, one in each row.
func Pools(name string, pools ...Pool) Table {
	columns := []string{"pool", "waiting", "oldest", "workers", "busy", "handled", "dropped", "left", "crashed"}
	return Table{name, columns, func(ctx context.Context, filter string, limit int) ([][]string, int, error) {
		s := newSelection(ctx, filter, limit)
		for _, p := range pools {
			if s.isOver() {
				break
			}
			id := text(p.ID())
			if s.matches(id) {
				s.add(func() []string { return poolRow(id, p.Stats()) })
			}
		}
		return s.result(len(pools))
	}}
}

func poolRow(id string, s pool.Stats) []string {
	row := []string{id, strconv.Itoa(s.Waiting), s.Oldest.Round(time.Millisecond).String(),
		strconv.Itoa(s.Workers), strconv.Itoa(s.Busy)}
	for _, n := range []uint64{s.Handled, s.Dropped, s.Left, s.Crashed} {
		row = append(row, strconv.FormatUint(n, 10))
	}
	return row
}
