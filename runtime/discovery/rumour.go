package discovery

import (
	"fmt"
	"slices"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// GossipProtocol is the name of the links between neighbours. Their messages are of
// at most wire.MaxControl bytes.
const GossipProtocol = "smalti/gossip/1"

// rumour is one frame of GossipProtocol.
type rumour struct {
	Entries    blobs     `cbor:"1,keyasint,omitempty"`
	Departures []oldNews `cbor:"2,keyasint,omitempty"`
	Suspicions blobs     `cbor:"3,keyasint,omitempty"`
	// Names are versions that the sender has.
	Names names `cbor:"4,keyasint,omitempty"`
	// Wants are peers whose entries the sender asks for. News is to come whole
	// from now on.
	Wants []ident.PeerID `cbor:"5,keyasint,omitempty"`
	// Prune: news is to come by name from now on.
	Prune bool `cbor:"6,keyasint,omitempty"`
}

// departs reports whether the rumour says that a peer leaves. Signatures are not looked at.
func (r *rumour) departs(peer ident.PeerID) bool {
	return slices.ContainsFunc(r.Departures, func(o oldNews) bool {
		d, err := decodeDeparture(o.Raw)
		return err == nil && d.Peer == peer
	})
}

func parseRumour(b []byte) (*rumour, error) {
	r := &rumour{}
	if err := wire.Unmarshal(b, wire.MaxControl, r); err != nil {
		return nil, fmt.Errorf("parse rumour: %w", err)
	}
	if err := r.Names.check(); err != nil {
		return nil, fmt.Errorf("parse rumour: %w", err)
	}
	return r, nil
}

// bag is what one neighbour is told at once.
type bag struct {
	peers      []*Peer
	departures []oldNews
	words      []*Suspicion
	names      []*Peer
	wants      []ident.PeerID
	prune      bool
}

func (b *bag) empty() bool {
	return len(b.peers)+len(b.departures)+len(b.words)+len(b.names)+len(b.wants) == 0 && !b.prune
}

// messages cuts a bag into frames.
func (b bag) messages() (list [][]byte) {
	for !b.empty() {
		r := rumour{Prune: b.prune}
		b.prune = false
		room := wire.MaxControl - frameRoom
		var peers, named []*Peer
		var words []*Suspicion
		r.Wants, b.wants = take(b.wants, &room, func(ident.PeerID) int { return wantRoom })
		words, b.words = take(b.words, &room, func(s *Suspicion) int { return len(s.raw) + itemRoom })
		r.Departures, b.departures = take(b.departures, &room, func(n oldNews) int { return len(n.Raw) + itemRoom })
		named, b.names = take(b.names, &room, func(*Peer) int { return nameSize })
		peers, b.peers = take(b.peers, &room, func(p *Peer) int { return len(p.raw) + itemRoom })
		for _, s := range words {
			r.Suspicions = append(r.Suspicions, s.raw)
		}
		r.Names = make(names, 0, len(named)*nameSize)
		for _, p := range named {
			r.Names = r.Names.add(p.held)
		}
		r.Entries = make(blobs, 0, len(peers))
		for _, p := range peers {
			r.Entries = append(r.Entries, p.raw)
		}
		list = append(list, wire.MustMarshalIn(wire.MaxControl-room, r))
	}
	return list
}
