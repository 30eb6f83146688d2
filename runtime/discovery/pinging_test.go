package discovery

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
)

// near is a link of a session that was measured.
type near struct{ *wired }

func (near) Session() runtime.Session { return measured{} }

type measured struct{ runtime.Session }

func (measured) RTT() runtime.RTT {
	return runtime.RTT{Latest: time.Millisecond, Min: time.Millisecond}
}

func TestWhatAPingFoundIsInTheCatalogWhenItEnds(t *testing.T) {
	b := newBed(t, nil)
	peer := testKey(2).PeerID()
	p := &pinging{w: b.worker, peer: peer, link: near{&wired{peer: peer}}}
	p.done = append(p.done, func(pong Pong, err error) {
		if found, ok := b.Catalog().Get(peer); err != nil || !ok || found.RTT != pong.RTT || pong.RTT != time.Millisecond {
			t.Errorf("pong %+v, %v: the catalog has %+v", pong, err, found)
		}
	})
	p.OnMessage(b.signed(testKey(2), 0, nil))
	if p.done != nil {
		t.Error("the ping goes on")
	}
}
