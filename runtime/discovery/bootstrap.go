package discovery

import (
	"errors"
	"fmt"
	"maps"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

// ErrTooManyEndpoints says that a node has as many bootstrap peers as it may.
var ErrTooManyEndpoints = errors.New("too many bootstrap peers")

// Bootstrapper finds peers to begin with, besides those of the configuration and of
// the store: by multicast, by a directory, by a DHT. What it finds need not be true: the
// peer proves who it is, and the rest is in its entry.
type Bootstrapper interface {
	// Bootstrap looks for peers of the network and posts what it finds to found, on
	// s, any number of times, until stop is called on s. It must not block; it
	// reaches the outside through env only. After stop it calls nothing.
	Bootstrap(env *runtime.Env, s runtime.Strand, network ident.NetworkID, found func([]Endpoint)) (stop func())
}

// maxFound bounds the peers of one call of found that are dialled.
const maxFound = 16

// found takes what a Bootstrapper gives.
func (w *worker) found(list []Endpoint) {
	if w.stopping {
		return
	}
	for _, e := range list[:min(len(list), maxFound)] {
		if err := e.check(); err != nil {
			w.env.Mark("discovery-bootstrapper-nonsense")
		} else if e.Peer != w.self && w.peers.get(e.Peer) == nil {
			w.seek(e)
		}
	}
}

// Dial adds bootstrap peers: each is dialled until it is in the catalog, and again when
// it left. One that is there already gets the addresses besides its own. The error
// says what is wrong with an endpoint, or is ErrTooManyEndpoints; then none is added.
func (d *Discovery) Dial(endpoints ...Endpoint) error {
	for _, e := range endpoints {
		if err := e.check(); err != nil {
			return fmt.Errorf("dial %s: %w", e.Peer.Short(), err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	booted := maps.Clone(d.booted)
	for _, e := range endpoints {
		booted[e.Peer] = union(booted[e.Peer], e.Addrs)
	}
	if len(booted) > maxBootstrap {
		return fmt.Errorf("dial %d peers: %w: at most %d", len(endpoints), ErrTooManyEndpoints, maxBootstrap)
	}
	d.booted = booted
	d.strand.Post(func() { d.worker.boot(endpoints) })
	return nil
}

// boot adds bootstrap peers and tries them.
func (w *worker) boot(endpoints []Endpoint) {
	for _, e := range endpoints {
		if e.Peer == w.self || w.stopping {
			continue
		}
		var known *boot
		for _, b := range w.boots {
			if b.Peer == e.Peer {
				known = b
			}
		}
		if known == nil {
			known = &boot{Endpoint: Endpoint{Peer: e.Peer}}
			w.boots = append(w.boots, known)
		}
		known.Addrs = union(known.Addrs, e.Addrs)
		if w.peers.get(e.Peer) == nil {
			w.try(known)
		}
	}
}
