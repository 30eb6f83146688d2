package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/scenarios"
)

// TestProgramsEndWithTheirNodes runs programs that do not look whether their node closes.
func TestProgramsEndWithTheirNodes(t *testing.T) {
	endless := func(ctx context.Context, n *node.Node) error {
		for {
			if err := n.Env().Sleep(ctx, 700*time.Millisecond); err != nil {
				return fmt.Errorf("sleep: %w", err)
			}
		}
	}
	for name, x := range map[string]struct {
		start func(context.Context, *node.Node) error
		want  []string // in the violation; none: it passes
	}{
		"endless": {start: endless},
		"with a task": {start: func(ctx context.Context, n *node.Node) error {
			n.Env().Scheduler.Go("helper", func(ctx context.Context) { _ = endless(ctx, n) })
			return endless(ctx, n)
		}},
		"deaf": {
			start: func(_ context.Context, n *node.Node) error {
				n.Env().Scheduler.Go("helper", func(ctx context.Context) {
					for { // ignores that it is to end
						_ = n.Env().Sleep(ctx, time.Second)
					}
				})
				return nil
			},
			want: []string{"/task/helper goes on after its scheduler stopped"},
		},
		"timer": {
			start: func(_ context.Context, n *node.Node) error {
				n.Env().Clock.AfterFunc(n.Env().Scheduler.Strand("late"), time.Hour, func() {})
				return nil
			},
			want: []string{`a has 0 tasks, 1 timers`, `timer of strand "late", due in `, "endless_test.go:"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenarios.Scenario{
				Name: "endless", Doc: "x", Duration: 5 * time.Second, Quiesce: 4 * time.Second,
				Hosts:    []scenarios.Host{{Name: "a"}, {Name: "b"}},
				Workload: []scenarios.Work{{Host: "a", Program: "mine"}, {Host: "b", Program: "mine"}},
			}
			for seed := range uint64(20) {
				r, err := scenarios.Run(s, scenarios.Options{Seed: seed, Programs: []scenarios.Program{{Name: "mine", Doc: "x", Start: x.start}}})
				if err != nil {
					t.Fatal(err)
				}
				text := fmt.Sprint(r.Violations)
				if pass := len(x.want) == 0; pass != (r.Verdict == scenarios.Pass) {
					t.Fatalf("seed %d: %s", seed, text)
				}
				for _, want := range x.want {
					if !strings.Contains(text, want) {
						t.Errorf("seed %d: %s\nwant %q in it", seed, text, want)
					}
				}
			}
		})
	}
}
