package linear_test

import (
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
)

// access is a write or a read of the n-th version of an entry.
type access struct {
	write bool
	n     uint64
}

// register is what a node knows of another: that one alone writes it, in order, and what it
// writes arrives later, if ever.
var register = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, _ any) (bool, any) {
		known, a := state.(uint64), input.(access)
		if a.write {
			return a.n == known+1, a.n
		}
		return a.n == known, known
	},
}

// TestEntriesAreRegistersIfTwoInvariantsHold: what a node knows of another is a register
// with one writer and monotonic reads. versions-grow and no-forgery together say so, while a
// run goes on: they find a violation wherever porcupine finds no order, and nowhere else.
func TestEntriesAreRegistersIfTwoInvariantsHold(t *testing.T) {
	verdicts := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		var l log
		var list []porcupine.Operation
		var written, known uint64
		hidden := false
		do := func(host, peer string, k event.Kind, n uint64) {
			l.add(host, event.Event{Kind: k, Peer: node(peer), From: 1, To: n})
		}
		do("writer", "writer", event.NodeStarted, 0)
		do("reader", "reader", event.NodeStarted, 0)
		length := rapid.IntRange(1, 20).Draw(t, "length")
		for i := range int64(length) {
			op := porcupine.Operation{Call: 2 * i, Return: 2*i + 1}
			switch {
			case written == 0 || rapid.Bool().Draw(t, "write"):
				written++
				op.Input, op.Return = access{true, written}, 2*int64(length) // it may arrive at any time
				do("writer", "writer", event.EntryPublished, written)
			case known != 0 && !hidden && rapid.IntRange(0, 3).Draw(t, "hide") == 0:
				hidden = true
				do("reader", "writer", event.PeerHidden, known)
				continue
			default:
				kind := event.PeerUpdated
				if known == 0 {
					kind = event.PeerDiscovered
				} else if hidden {
					kind = event.PeerReturned
				}
				n := known
				if rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
					n = rapid.Uint64Range(1, written+1).Draw(t, "version")
				} else if n < written {
					n++
				}
				if n == known && !hidden {
					continue // no update
				}
				known, hidden = n, false
				op.ClientId, op.Input = 1, access{false, n}
				do("reader", "writer", kind, n)
			}
			list = append(list, op)
		}
		set := invariants.New(invariants.Options{})
		for i := range l {
			set.Event(&l[i])
		}
		violations := slices.DeleteFunc(slices.Clone(set.Violations()), func(v invariants.Violation) bool {
			return v.Invariant != "versions-grow" && v.Invariant != "no-forgery"
		})
		legal := porcupine.CheckOperations(register, list)
		if legal != (len(violations) == 0) {
			t.Fatalf("porcupine finds an order: %t; violations: %v", legal, violations)
		}
		verdicts[legal]++
	})
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("verdicts were one-sided: %v", verdicts)
	}
}
