package transporttest

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
)

// dialSilent dials peers that do not exist, each at the given number of silent addresses of
// its own.
func dialSilent(x *Node, peers, addresses int) (ends []*End) {
	for i := range peers {
		var addrs []string
		for j := range addresses {
			addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", 2+i*addresses+j))
		}
		ends = append(ends, x.DialAt(keyOf(fmt.Sprintf("silent %d", i)).PeerID(), addrs, proto, nil))
	}
	return ends
}

// newAddresses dials far more addresses at once than a second's worth.
func newAddresses(b *Bed) {
	x := b.Node("a")
	began := b.Mono()
	for _, e := range dialSilent(x, 16, 16) {
		_ = e.Closed()
	}
	most := runtime.NewAddresses * int(2+(b.Mono()-began)/time.Second)
	dialled, withheld := x.CountAll(event.Dialling), x.CountAll(event.DialWithheld)
	if dialled < runtime.NewAddresses || dialled > most || withheld == 0 {
		b.Errorf("%d of 256 new addresses were dialled and %d withheld, want at least %d, up to %d, and some",
			dialled, withheld, runtime.NewAddresses, most)
	}
}

// silentPeers dials a peer after twice as many silent ones as there are places. If silent
// dials kept their places until they time out, the peer would wait for two time-outs.
func silentPeers(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	silent := dialSilent(x, 2*runtime.MaxDials, 1)
	x.Dial(y, proto, nil).WaitOpen()
	l.Accept(0)
	ended := 0
	for _, e := range silent {
		if closed(e.Log()) {
			ended++
		}
	}
	if ended >= runtime.MaxDials {
		b.Errorf("the peer was reached after %d of %d silent ones were given up", ended, len(silent))
	}
}

// unlikelyPeers dials silent peers again, as many as there are places, and then another one.
func unlikelyPeers(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for _, e := range dialSilent(x, runtime.MaxDials, 1) {
		_ = e.Closed()
	}
	before := x.CountAll(event.Dialling)
	dialSilent(x, runtime.MaxDials, 1)
	x.Dial(y, proto, nil).WaitOpen()
	l.Accept(0)
	if n := x.CountBefore(event.Dialling, y.ID) - before; n > runtime.MaxUnlikelyDials {
		b.Errorf("%d peers that did not answer were dialled before another one, want up to %d", n, runtime.MaxUnlikelyDials)
	}
}
