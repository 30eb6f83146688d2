package node_test

import (
	"encoding/binary"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// puppet is a peer that everybody knows and that speaks the protocol of streams as
// a test tells it to.
type puppet struct {
	*discovery.Discovery
	x      *trial
	env    *runtime.Env
	strand runtime.Strand
}

func (x *trial) puppet() *puppet {
	x.Helper()
	env, c := x.boot("puppet")
	d, err := discovery.New(env, c)
	if err != nil {
		x.Fatal(err)
	}
	x.known = append(x.known, d)
	env.Transport.SetKnown(func(ident.PeerID) bool { return true }) // a peer that is not known has few links
	return &puppet{Discovery: d, x: x, env: env, strand: env.Scheduler.Strand("puppet")}
}

func (p *puppet) id() ident.PeerID { return p.env.Transport.Local() }

// offers has the puppet advertise streams, and play with each link that somebody
// opens for one of them.
func (p *puppet) offers(play func(l runtime.Link, id ident.StreamID), streams ...*stream.Def[string]) {
	p.x.Helper()
	accept := func(l runtime.Link) {
		l.Bind(p.strand, &party{hear: func(m []byte) {
			var s subscribe
			if wire.Unmarshal(m, wire.MaxHandshake, &s) == nil {
				play(l, s.Stream)
			}
		}})
	}
	if _, err := p.env.Transport.Listen(runtime.Protocol{Name: stream.Protocol}, p.strand, accept); err != nil {
		p.x.Fatal(err)
	}
	for _, d := range streams {
		must(p.AddStream(d.Stream()))
	}
}

// dial opens a link to a node and says something.
func (p *puppet) dial(to *node.Node, says ...[]byte) *party {
	h := &party{hear: func([]byte) {}}
	addrs := to.Env().Transport.Addrs()
	p.strand.Post(func() {
		l := p.env.Transport.Dial(to.ID(), addrs, runtime.Protocol{Name: stream.Protocol}, p.strand, h)
		_, _ = l.Send(says...)
	})
	return h
}

// party is the puppet's end of a link.
type party struct {
	hear   func(message []byte)
	closed runtime.Watch[*runtime.Closed]
}

func (h *party) OnOpen()                   {}
func (h *party) OnWritable()               {}
func (h *party) OnMessage(m []byte)        { h.hear(m) }
func (h *party) OnClosed(c runtime.Closed) { h.closed.Set(&c) }

// The messages of the protocol.

type subscribe struct {
	Version uint16         `cbor:"1,keyasint"`
	Stream  ident.StreamID `cbor:"2,keyasint"`
}

func subscribeFrame(version uint16, id ident.StreamID) []byte {
	return wire.MustMarshal(subscribe{version, id})
}

func startFrame(version uint16, incarnation, next uint64) []byte {
	return append([]byte{0}, wire.MustMarshal(struct {
		Version     uint16 `cbor:"1,keyasint"`
		Incarnation uint64 `cbor:"2,keyasint"`
		Next        uint64 `cbor:"3,keyasint"`
	}{version, incarnation, next})...)
}

func datumFrame(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{1}, seq) }
