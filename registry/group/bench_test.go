package group_test

import (
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/registry/group"
)

// go test -bench . -run '^$' ./registry/group

func BenchmarkJoinLeave(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			var s group.Set[string]
			sys := newSystem(b)
			other, pid := idle(b, sys).PID(), idle(b, sys).PID()
			for range others {
				join(b, &s, "g", other)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Join("g", pid); err != nil {
					b.Fatal(err)
				}
				if err := s.Leave("g", pid); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMembers(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s group.Set[string]
			sys := newSystem(b)
			for range n {
				join(b, &s, "g", idle(b, sys).PID())
			}
			b.ReportAllocs()
			for b.Loop() {
				if len(s.Members("g")) != n {
					b.Fatal("members are missing")
				}
			}
		})
	}
}
