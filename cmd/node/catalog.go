package main

import (
	"encoding/json"
	"net/http"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
)

// catalogView is what GET /catalog answers.
type catalogView struct {
	Me    ident.PeerID `json:"me"`
	Peers []peerView   `json:"peers"` // ascending, the node itself included
}

type peerView struct {
	Peer     ident.PeerID `json:"peer"`
	Started  int64        `json:"started"` // version, Unix milliseconds by the peer's clock
	Updated  int64        `json:"updated"`
	Addrs    []string     `json:"addrs"`
	Tags     []ident.Tag  `json:"tags,omitempty"`
	Streams  int          `json:"streams"`
	RTT      int64        `json:"rtt_ns,omitempty"`
	Unsigned bool         `json:"unsigned,omitempty"`
}

// writeCatalog answers with the present catalog of a node, nil before there is one.
func writeCatalog(w http.ResponseWriter, d *discovery.Discovery) {
	if d == nil {
		http.Error(w, "the node has not started yet", http.StatusServiceUnavailable)
		return
	}
	v := catalogView{Me: d.Me().Peer}
	for p := range d.Catalog().All() {
		e := p.Entry
		v.Peers = append(v.Peers, peerView{
			Peer: e.Peer, Started: e.Version.Started, Updated: e.Version.Updated, Addrs: e.Addrs, Tags: e.Tags,
			Streams: len(e.Streams), RTT: int64(p.RTT), Unsigned: p.Unsigned(),
		})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}
