package discovery

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Peers that stopped to answer are dialled again for ever, so that two parts of a
// network that forgot each other meet again. And some peers are kept in the store, so
// that a node that restarts does not depend on its bootstrap peers.
const (
	// maxLost bounds the lost peers that are remembered, and those in the store.
	maxLost = 256
	// redialEvery is the mean time after which a node thinks of dialling a lost peer.
	redialEvery = 10 * time.Second
	// redials is of how many nodes that think of it one does in large networks: so
	// all of them together dial lost peers once a second, whoever they are.
	redials = 10
	// cacheEvery is how often the store is brought up to date, firstCache when it is
	// for the first time: the first exchange is over then.
	cacheEvery = time.Minute
	firstCache = 5 * time.Second
	// firstDials is how many peers of the store a node dials at once when it starts.
	firstDials = 3
)

// cacheName is where the store keeps peers.
const cacheName = "peers"

// lost are the peers that are dialled again.
type lost struct {
	peers []Endpoint // most recent first
	saved []byte     // what the store holds
}

// lose remembers a peer that stopped to answer.
func (w *worker) lose(e Endpoint) {
	if len(e.Addrs) == 0 {
		return
	}
	w.find(e.Peer)
	w.lost.peers = slices.Insert(w.lost.peers, 0, e)
	w.lost.peers = w.lost.peers[:min(len(w.lost.peers), maxLost)]
}

// find forgets that a peer was lost: it is here, or it left on purpose.
func (w *worker) find(peer ident.PeerID) {
	w.lost.peers = slices.DeleteFunc(w.lost.peers, func(e Endpoint) bool { return e.Peer == peer })
}

// redial dials a lost peer now and then, less often the larger the network is.
func (w *worker) redial() {
	r := w.strand.Rand("lost")
	if n := len(w.lost.peers); n > 0 && r.IntN(max(w.peers.n, redials)) < redials {
		w.seek(w.lost.peers[r.IntN(n)])
	}
	w.agenda.in(r.Duration(redialEvery/2, redialEvery*3/2), w.redial)
}

// seek tries to exchange catalogs with somebody who may be there.
func (w *worker) seek(e Endpoint) {
	if w.peers.get(e.Peer) != nil {
		w.find(e.Peer)
		return
	}
	w.ask(e.Peer, e.Addrs, waiter{done: func(error) {}})
}

// cached is a peer in the store.
type cached struct {
	Peer  []byte   `cbor:"1,keyasint"`
	Addrs []string `cbor:"2,keyasint"`
}

// maxCache bounds the value in the store.
const maxCache = maxLost * 16 * (maxAddr + 4)

// recall begins with the peers of the store: some at once, the others as lost ones.
func (w *worker) recall() {
	w.lost.peers = loadCache(w.env, w.self)
	r := w.strand.Rand("lost")
	for i := range min(firstDials, len(w.lost.peers)) {
		j := i + r.IntN(len(w.lost.peers)-i)
		w.lost.peers[i], w.lost.peers[j] = w.lost.peers[j], w.lost.peers[i]
	}
	for _, e := range slices.Clone(w.lost.peers[:min(firstDials, len(w.lost.peers))]) {
		w.seek(e)
	}
	w.agenda.in(r.Duration(redialEvery/2, redialEvery*3/2), w.redial)
	w.agenda.in(firstCache, w.cacheLater)
}

// loadCache gives nothing if there is nothing to read or what is there is damaged.
func loadCache(env *runtime.Env, self ident.PeerID) (list []Endpoint) {
	data, err := env.Load(cacheName)
	switch {
	case errors.Is(err, runtime.ErrNoStore), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		env.Mark("discovery-cache-unreadable")
		return nil
	}
	var peers []cached
	if err := wire.Unmarshal(data, maxCache, &peers); err != nil {
		env.Mark("discovery-cache-unreadable")
		return nil
	}
	for _, p := range peers[:min(len(peers), maxLost)] {
		e := Endpoint{Addrs: p.Addrs}
		if setID(&e.Peer, p.Peer) && e.Peer != self && e.check() == nil {
			list = append(list, e)
		}
	}
	return list
}

func (w *worker) cacheLater() {
	w.saveCache()
	w.agenda.in(w.strand.Rand("lost").Duration(cacheEvery/2, cacheEvery*3/2), w.cacheLater)
}

// saveCache keeps half of the room for lost peers, and fills the rest with neighbours
// and others of the catalog.
func (w *worker) saveCache() {
	if w.env.Store == nil {
		return
	}
	list := slices.Clone(w.lost.peers[:min(len(w.lost.peers), maxLost/2)])
	add := func(id ident.PeerID) {
		p := w.signed(id)
		if p == nil || id == w.self || len(list) >= maxLost {
			return
		}
		if addrs := w.d.Dialable(p); len(addrs) > 0 {
			list = append(list, Endpoint{Peer: id, Addrs: addrs})
		}
	}
	for _, n := range w.neighbours {
		add(n.peer)
	}
	// A run of the catalog that begins at the node itself: another for each node.
	for i := range min(maxLost, w.peers.base.Len()) {
		id := w.peers.base.at((w.peers.base.rank(w.self) + i) % w.peers.base.Len()).Entry.Peer
		if w.neighbours.of(id) == nil {
			add(id)
		}
	}
	peers := make([]cached, len(list))
	for i := range list {
		peers[i] = cached{Peer: list[i].Peer[:], Addrs: list[i].Addrs}
	}
	data := wire.MustMarshal(peers)
	if string(data) == string(w.lost.saved) {
		return
	}
	w.lost.saved = data
	w.env.Save(w.strand, cacheName, data, func(err error) {
		if err != nil {
			w.lost.saved = nil
			w.env.Mark("discovery-cache-unsaved")
		}
	})
}
