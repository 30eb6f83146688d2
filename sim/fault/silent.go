package fault

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// MarkSilent says that somebody hung up on who said nothing, or had no place for it.
const MarkSilent = "fault.silent"

var silentClass = Class{
	Name: "silent", Usage: "silent a", Doc: "The host opens links of all protocols to others, and says nothing on them.",
	Marks: []string{MarkSilent}, parse: attackOf("silent", MarkSilent, func() tactic { return silent }),
}

// protocols are all that nodes speak.
var protocols = []string{discovery.Protocol, discovery.GossipProtocol, discovery.PingProtocol, stream.Protocol}

func silent(l *liar) {
	if h := l.other(); h != nil {
		for _, p := range protocols {
			l.dial(h, p, &talk{stays: true, ended: func(c runtime.Closed) {
				if !c.Local && (c.Reason == wire.HandshakeTimeout || c.Reason == wire.Overloaded) {
					l.bit()
				}
			}})
		}
	}
}
