package fault

import (
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// talk is a link of a liar's, and its handler.
type talk struct {
	l     *liar
	to    *sim.Host
	link  runtime.Link
	says  [][]byte
	stays bool         // else it ends as soon as the peer took what it says
	heard func([]byte) // may be nil, as ended
	ended func(runtime.Closed)
}

var _ runtime.Handler = (*talk)(nil)

// dial opens a link, unless the liar has too many.
func (l *liar) dial(to *sim.Host, protocol string, t *talk) {
	if len(l.talks) >= maxTalks || l.over {
		return
	}
	t.l, t.to = l, to
	l.talks = append(l.talks, t)
	t.link = l.env.Transport.Dial(to.Key().PeerID(), []string{to.Addr()}, runtime.Protocol{Name: protocol}, l.strand, t)
}

// OnOpen implements runtime.Handler.
func (t *talk) OnOpen() {
	t.say(t.says...)
	if !t.stays {
		t.link.Drain(wire.Finished, patience)
	}
}

// say sends what the link has room for.
func (t *talk) say(messages ...[]byte) { _, _ = t.link.Send(messages...) }

// OnMessage implements runtime.Handler.
func (t *talk) OnMessage(b []byte) {
	if t.heard != nil && !t.l.over {
		t.heard(b)
	}
}

// OnWritable implements runtime.Handler: who had no room is spared.
func (t *talk) OnWritable() {}

// OnClosed implements runtime.Handler.
func (t *talk) OnClosed(c runtime.Closed) {
	l := t.l
	l.talks = slices.DeleteFunc(l.talks, func(o *talk) bool { return o == t })
	if t.ended != nil && !l.over {
		t.ended(c)
	}
}

// neighbours are the talks with those who take the liar for a neighbour.
func (l *liar) neighbours() (list []*talk) {
	for _, t := range l.talks {
		if t.stays && t.link.Protocol() == discovery.GossipProtocol {
			list = append(list, t)
		}
	}
	return list
}

// ask has a host tell its present entry.
func (l *liar) ask(of *sim.Host, then func(*discovery.Signed)) {
	t := &talk{says: [][]byte{{1}}, stays: true}
	t.heard = func(b []byte) {
		s, err := l.verifier.Verify(b)
		t.link.Close(wire.Finished)
		if err == nil {
			then(s)
		}
	}
	l.dial(of, discovery.PingProtocol, t)
}

// lies is what a liar tells at once.
type lies struct {
	entries, departures, suspicions [][]byte
}

// tell tells a host lies, over either protocol that takes them.
func (l *liar) tell(to *sim.Host, what lies, ended func(runtime.Closed)) {
	protocol, frame := discovery.GossipProtocol, what.gossip()
	if l.rand.Chance(500_000) {
		protocol, frame = discovery.Protocol, what.sync(l.id())
	}
	l.dial(to, protocol, &talk{says: [][]byte{frame}, ended: ended})
}

// taken is what to do at the end of a link over which something was told: it bit if
// the peer's node looked at it.
func (l *liar) taken(c runtime.Closed) {
	if c.Drained {
		l.bit()
	}
}

// gossip is a frame of discovery.GossipProtocol, sync one of discovery.Protocol, as
// docs/wire.md has them.
type gossip struct {
	Entries    [][]byte       `cbor:"1,keyasint,omitempty"`
	Departures []departed     `cbor:"2,keyasint,omitempty"`
	Suspicions [][]byte       `cbor:"3,keyasint,omitempty"`
	Names      []byte         `cbor:"4,keyasint,omitempty"`
	Wants      []ident.PeerID `cbor:"5,keyasint,omitempty"`
	Prune      bool           `cbor:"6,keyasint,omitempty"`
}

type sync struct {
	Entries    [][]byte   `cbor:"2,keyasint,omitempty"`
	Departures []departed `cbor:"3,keyasint,omitempty"`
	Last       bool       `cbor:"4,keyasint,omitempty"`
	Lists      []listed   `cbor:"5,keyasint,omitempty"`
	Suspicions [][]byte   `cbor:"7,keyasint,omitempty"`
}

type departed struct {
	Raw  []byte `cbor:"1,keyasint"`
	Left uint32 `cbor:"2,keyasint"`
}

type listed struct {
	Lo ident.PeerID `cbor:"1,keyasint"`
	Hi ident.PeerID `cbor:"2,keyasint"`
}

// remembered is for how long a departure is to be remembered, in milliseconds: as
// long as anybody does.
const remembered = 300_000

func (x lies) gone() (list []departed) {
	for _, raw := range x.departures {
		list = append(list, departed{raw, remembered})
	}
	return list
}

func (x lies) gossip() []byte {
	return wire.MustMarshal(gossip{Entries: x.entries, Departures: x.gone(), Suspicions: x.suspicions})
}

// sync begins an exchange, as it must, with the smallest range that there is.
func (x lies) sync(self ident.PeerID) []byte {
	r := listed{Lo: self, Hi: self}
	for i := len(r.Hi) - 1; i >= 0; i-- {
		if r.Hi[i]++; r.Hi[i] != 0 {
			break
		}
	}
	return wire.MustMarshal(sync{Entries: x.entries, Departures: x.gone(), Last: true, Lists: []listed{r}, Suspicions: x.suspicions})
}
