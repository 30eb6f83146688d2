package discovery

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
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

func TestBootstrapPeerIsTriedUntilItIsThereAndAgainWhenItLeft(t *testing.T) {
	peer := testKey(2).PeerID()
	endpoint := Endpoint{Peer: peer, Addrs: []string{"10.0.1.2:4700"}}
	b := newBed(t, func(b *bed, c *Config) {
		c.Bootstrap = []Endpoint{endpoint, {Peer: b.key.PeerID(), Addrs: b.addrs}} // the node itself is passed over
	})
	w := b.worker
	if len(w.boots) != 1 {
		t.Fatalf("%d bootstrap peers, want 1", len(w.boots))
	}
	check := func(when string, trying, waiting bool, failures int) {
		t.Helper()
		boot := w.boots[0]
		if boot.trying != trying || (boot.timer != nil) != waiting || boot.backoff.failures != failures || (w.jobs[peer] != nil) != trying {
			t.Errorf("%s: tried %t, waits %t, %d failures; want %t, %t, %d", when, boot.trying, boot.timer != nil, boot.backoff.failures, trying, waiting, failures)
		}
	}
	ends := func(err error) { w.jobs[peer].exchange.closed(err) }
	check("at first", true, false, 0)
	ends(wire.DialFailed)
	check("it does not answer", false, true, 1)
	w.boot([]Endpoint{endpoint})
	check("somebody asks for it", true, false, 1)
	ends(nil)
	check("it answers without its entry", false, true, 2)
	b.reachable(2)
	check("others tell of it", true, false, 0)
	ends(wire.DialFailed)
	check("it does not answer, though it is there", false, true, 1)
	w.try(w.boots[0])
	ends(nil)
	check("it is there", false, false, 0)
	v := Version{b.wall.UnixMilli(), b.wall.UnixMilli()}
	if err := b.hearDeparture(b.departure(testKey(2), v), time.Minute); err != nil {
		t.Fatal(err)
	}
	check("it left", false, true, 0)
}
