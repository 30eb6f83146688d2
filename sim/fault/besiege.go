package fault

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// MarkBesiege says that somebody refused one of many subscriptions.
const MarkBesiege = "fault.besiege"

var besiegeClass = Class{
	Name: "besiege", Usage: "besiege a", Doc: "The host subscribes again and again to what others produce, and to what they do not, and reads nothing.",
	Marks: []string{MarkBesiege}, parse: attackOf("besiege", MarkBesiege, func() tactic { return besiege }),
}

// storm is how many subscriptions are asked for at each turn.
const storm = 8

// subscribe is the first message of stream.Protocol, as docs/wire.md has it.
type subscribe struct {
	Version  uint16         `cbor:"1,keyasint"`
	Stream   ident.StreamID `cbor:"2,keyasint"`
	Criteria string         `cbor:"3,keyasint,omitempty"`
}

func besiege(l *liar) {
	h := l.other()
	if h == nil {
		return
	}
	l.ask(h, func(*discovery.Signed) {
		streams := append([]ident.StreamID{ident.Stream("nobody's")}, l.world.Streams()...)
		for range storm {
			x := subscribe{Version: 1, Stream: streams[l.rand.IntN(len(streams))]}
			if l.rand.Chance(250_000) {
				x.Criteria = "kind == "
			}
			t := &talk{says: [][]byte{wire.MustMarshal(x)}, stays: true}
			t.heard = func([]byte) { t.link.Pause() }
			t.ended = func(c runtime.Closed) {
				if !c.Local && (c.Reason >= wire.UnknownPeer || c.Reason == wire.Overloaded) {
					l.bit()
				}
			}
			l.dial(h, stream.Protocol, t)
		}
	})
}
