package fault

import (
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/wire"
)

// MarkReplay says that somebody was told again what it, or another, once said.
const MarkReplay = "fault.replay"

var replayClass = Class{
	Name: "replay", Usage: "replay a", Doc: "The host records entries, departures and suspicions, and tells them again.",
	Marks: []string{MarkReplay}, parse: attackOf("replay", MarkReplay, func() tactic { return new(recorder).turn }),
}

const (
	// maxTape bounds what a recorder keeps of a kind, replayed what it tells of it at
	// once, and ears to how many others it listens.
	maxTape  = 256
	replayed = 8
	ears     = 2
)

// recorder keeps the oldest of what it hears.
type recorder struct{ tape lies }

func (r *recorder) turn(l *liar) {
	for _, h := range l.others(max(0, ears-len(l.neighbours()))) {
		l.dial(h, discovery.GossipProtocol, &talk{stays: true, heard: r.hear})
	}
	pair := l.others(2)
	if len(pair) < 2 {
		return
	}
	l.ask(pair[0], func(s *discovery.Signed) { keep(&r.tape.entries, s.Raw) })
	some := func(tape [][]byte) (list [][]byte) {
		for range min(replayed, len(tape)) {
			list = append(list, tape[l.rand.IntN(len(tape))])
		}
		return list
	}
	x := lies{some(r.tape.entries), some(r.tape.departures), some(r.tape.suspicions)}
	if len(x.entries) > 0 {
		l.tell(pair[1], x, l.taken)
	}
}

func (r *recorder) hear(b []byte) {
	var g gossip
	if wire.Unmarshal(b, wire.MaxControl, &g) != nil {
		return
	}
	for _, raw := range g.Entries {
		keep(&r.tape.entries, raw)
	}
	for _, d := range g.Departures {
		keep(&r.tape.departures, d.Raw)
	}
	for _, raw := range g.Suspicions {
		keep(&r.tape.suspicions, raw)
	}
}

func keep(tape *[][]byte, raw []byte) {
	if len(*tape) < maxTape {
		*tape = append(*tape, raw)
	}
}
