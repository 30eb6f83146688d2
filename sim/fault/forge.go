package fault

import (
	"bytes"
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// MarkForge says that somebody hung up on who told it too many forgeries.
const MarkForge = "fault.forge"

var forgeClass = Class{
	Name: "forge", Usage: "forge a", Doc: "The host tells entries, departures and suspicions of others that it signed itself.",
	Marks: []string{MarkForge}, parse: attackOf("forge", MarkForge, func() tactic { return forge }),
}

// manyForgeries are more than a node takes of one link.
const manyForgeries = 20

func forge(l *liar) {
	pair := l.others(2)
	if len(pair) < 2 {
		return
	}
	of, to := pair[0], pair[1]
	l.ask(of, func(s *discovery.Signed) {
		n := 1
		if l.rand.Chance(250_000) {
			n = manyForgeries
		}
		l.tell(to, l.forgeries(s.Entry, n), func(c runtime.Closed) {
			if !c.Local && c.Reason == wire.ProtocolViolation {
				l.bit()
			}
		})
	})
}

// forgeries are a newer entry, n times, of a peer that lives elsewhere now, its departure,
// and the word of some others that it does not answer.
func (l *liar) forgeries(e *discovery.Entry, n int) (x lies) {
	key, network := l.self.Key(), l.self.Config().Network
	v := discovery.Version{Started: e.Version.Started, Updated: max(e.Version.Updated+1, l.millis())}
	departure, _ := discovery.SignDeparture(network, v, key)
	suspicion, _ := discovery.SignSuspicion(network, e.Peer, e.Version, key)
	x.entries = slices.Repeat([][]byte{inName(e.Peer, key, l.entry(key, v, []string{l.self.Addr()}))}, n)
	x.departures = [][]byte{inName(e.Peer, key, departure.Raw())}
	for _, h := range l.others(accomplices) {
		x.suspicions = append(x.suspicions, inName(h.Key().PeerID(), key, suspicion.Raw()))
	}
	return x
}

// inName makes what key's peer signed speak of another, whose signature it is not.
func inName(of ident.PeerID, key ident.Key, raw []byte) []byte {
	self := key.PeerID()
	return bytes.Replace(raw, self[:], of[:], 1)
}
