package discovery

import (
	"testing"

	"github.com/smalti/smalti/runtime/ident"
)

func TestWhatABootstrapperFindsIsCheckedAndBounded(t *testing.T) {
	b := newBed(t, nil)
	addrs := []string{"10.0.2.1:4700"}
	known := b.reachable(2)
	list := []Endpoint{{Peer: ident.PeerID{1}, Addrs: []string{"nonsense"}}, {Peer: b.self, Addrs: addrs}, {Peer: known, Addrs: addrs}}
	for n := range byte(2 * maxFound) {
		list = append(list, Endpoint{Peer: ident.PeerID{2, n}, Addrs: addrs})
	}
	b.worker.found(list)
	if n := b.marked("discovery-bootstrapper-nonsense"); n != 1 {
		t.Errorf("nonsense is told %d times, want once", n)
	}
	if n := len(b.worker.jobs); n != maxFound-3 || b.worker.jobs[b.self] != nil || b.worker.jobs[known] != nil {
		t.Errorf("%d peers are dialled, want the %d unknown ones among the first %d", n, maxFound-3, maxFound)
	}
}
