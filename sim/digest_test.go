package sim

import (
	"testing"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestHashDependsOnEveryFieldOfAnEvent(t *testing.T) {
	hash := func(host uint32, change func(e *event.Event)) uint64 {
		d := newDigest()
		var e event.Event
		change(&e)
		d.event(host, &e)
		return uint64(d)
	}
	changes := map[string]func(e *event.Event){
		"nothing": func(*event.Event) {}, "kind": func(e *event.Event) { e.Kind = 1 }, "reason": func(e *event.Event) { e.Reason = wire.Reason(1) },
		"wall": func(e *event.Event) { e.Wall = 1 }, "mono": func(e *event.Event) { e.Mono = 1 }, "sub": func(e *event.Event) { e.Sub = 1 },
		"incarnation": func(e *event.Event) { e.Incarnation = 1 }, "from": func(e *event.Event) { e.From = 1 }, "to": func(e *event.Event) { e.To = 1 },
		"n": func(e *event.Event) { e.N = 1 }, "bytes": func(e *event.Event) { e.Bytes = 1 }, "text": func(e *event.Event) { e.Text = "\x00" },
		"longer text": func(e *event.Event) { e.Text = "\x00\x00" },
	}
	for i := range 32 {
		changes["node "+string(rune('A'+i))] = func(e *event.Event) { e.Node[i] = 1 }
		changes["peer "+string(rune('A'+i))] = func(e *event.Event) { e.Peer[i] = 1 }
		changes["stream "+string(rune('A'+i))] = func(e *event.Event) { e.Stream[i] = 1 }
	}
	seen := map[uint64]string{hash(1, changes["nothing"]): "host"}
	for name, change := range changes {
		h := hash(0, change)
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s give one hash, %016x", name, other, h)
		}
		seen[h] = name
	}
}

func TestHashDependsOnTheOrderOfSteps(t *testing.T) {
	a, b := newDigest(), newDigest()
	a.step(1, 2, 3)
	a.step(1, 3, 4)
	b.step(1, 3, 3)
	b.step(1, 2, 4)
	if a == b {
		t.Errorf("two orders give one hash, %016x", uint64(a))
	}
}
