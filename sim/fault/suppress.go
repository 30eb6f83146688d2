package fault

import (
	"encoding/binary"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// MarkSuppress says that a liar was told news that went no further, or was asked for
// what it had named and never gives.
const MarkSuppress = "fault.suppress"

var suppressClass = Class{
	Name: "suppress", Usage: "suppress a", Doc: "The host is the neighbour of many, passes nothing on, wants no news, and names news that it never gives.",
	Marks: []string{MarkSuppress}, parse: attackOf("suppress", MarkSuppress, func() tactic { return suppress }),
}

// places is of how many others the liar is a neighbour at once.
const places = 16

func suppress(l *liar) {
	if h := l.other(); h != nil && len(l.neighbours()) < places {
		l.dial(h, discovery.GossipProtocol, &talk{says: [][]byte{wire.MustMarshal(gossip{Prune: true})}, stays: true, heard: func(b []byte) {
			var g gossip
			if wire.Unmarshal(b, wire.MaxControl, &g) == nil && len(g.Entries)+len(g.Departures)+len(g.Suspicions)+len(g.Wants) > 0 {
				l.bit()
			}
		}})
	}
	if of := l.other(); of != nil {
		l.ask(of, func(s *discovery.Signed) { l.name(of, s.Entry) })
	}
}

// name tells all neighbours that there is newer news of a peer, or other news of the
// present version.
func (l *liar) name(of *sim.Host, e *discovery.Entry) {
	name := binary.BigEndian.AppendUint64(append([]byte(nil), e.Peer[:]...), uint64(e.Version.Started))
	name = binary.BigEndian.AppendUint64(name, uint64(e.Version.Updated)+l.rand.Uint64N(2))
	name = binary.LittleEndian.AppendUint64(name, l.rand.Uint64()) // the beginning of a hash
	for _, t := range l.neighbours() {
		if t.to != of && t.link.Session() != nil {
			t.say(wire.MustMarshal(gossip{Names: name}))
		}
	}
}
