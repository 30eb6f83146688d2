package netsim

import "github.com/smalti/smalti/runtime/wire"

// Block loses everything from one host to another, one way, until as many
// Unblocks.
func (n *Network) Block(from, to string) { n.way(n.host(from), n.host(to)).cut++ }

// Unblock undoes one Block. One too many does nothing.
func (n *Network) Unblock(from, to string) {
	d := n.way(n.host(from), n.host(to))
	d.cut = max(0, d.cut-1)
	d.wake()
}

// Partition blocks both ways between each host of a and each of b.
func (n *Network) Partition(a, b []string) { each(a, b, n.Block) }

// Unpartition undoes one Partition of the same sets.
func (n *Network) Unpartition(a, b []string) { each(a, b, n.Unblock) }

// Isolate blocks everything that name sends or would receive, also to and from
// hosts that come later.
func (n *Network) Isolate(name string) {
	h := n.host(name)
	h.cutIn++
	h.cutOut++
}

// Unisolate undoes one Isolate.
func (n *Network) Unisolate(name string) {
	h := n.host(name)
	h.cutIn, h.cutOut = max(0, h.cutIn-1), max(0, h.cutOut-1)
	n.wakeAll()
}

// Hold keeps everything from one host to another, one way, in the network,
// until as many Releases: a clog.
func (n *Network) Hold(from, to string) { n.way(n.host(from), n.host(to)).hold++ }

// Release undoes one Hold. What was held arrives at once, in order.
func (n *Network) Release(from, to string) {
	d := n.way(n.host(from), n.host(to))
	d.hold = max(0, d.hold-1)
	d.wake()
}

// Freeze holds everything that a host sends or would receive, and its
// sessions' time-outs: what a paused process looks like from outside.
func (n *Network) Freeze(name string) {
	h := n.host(name)
	h.holdIn++
	h.holdOut++
}

// Thaw undoes one Freeze.
func (n *Network) Thaw(name string) {
	h := n.host(name)
	h.holdIn, h.holdOut = max(0, h.holdIn-1), max(0, h.holdOut-1)
	n.wakeAll()
}

// Unreach loses every dial to a host, until as many Reaches; sessions that are up,
// and dials that were answered once, go on. It is what a firewall does that was
// changed, or a full backlog.
func (n *Network) Unreach(name string) { n.host(name).unreachable++ }

// Reach undoes one Unreach. One too many does nothing.
func (n *Network) Reach(name string) {
	h := n.host(name)
	h.unreachable = max(0, h.unreachable-1)
}

// Unreached counts how often a dial to a host was lost to an Unreach.
func (n *Network) Unreached(name string) uint64 { return n.host(name).unreached }

// Heal undoes all blocks, partitions, isolations and holds, all freezes and all
// Unreaches.
func (n *Network) Heal() {
	for _, h := range n.order {
		*h = host{name: h.name, unreached: h.unreached}
	}
	for _, d := range n.ways {
		d.cut, d.hold = 0, 0
	}
	n.wakeAll()
}

// Bitten counts how often a block or a hold stopped something on its way from one host
// to another.
func (n *Network) Bitten(from, to string) uint64 { return n.way(n.host(from), n.host(to)).bitten }

// Blocked tells whether something from one host to another would be lost.
func (n *Network) Blocked(from, to string) bool { return n.way(n.host(from), n.host(to)).blocked() }

// Reset ends all sessions between two hosts at both ends, as a middlebox that
// forgot them does, with ConnectionLost. It gives how many there were.
func (n *Network) Reset(a, b string) (count int) {
	ha, hb := n.host(a), n.host(b)
	for _, c := range append([]*conn(nil), n.conns...) {
		x, y := &c.ends[0], &c.ends[1]
		if (x.t.host != ha || y.t.host != hb) && (x.t.host != hb || y.t.host != ha) {
			continue
		}
		count++
		n.mark(MarkReset)
		x.die(wire.ConnectionLost, false)
		y.die(wire.ConnectionLost, false)
	}
	return count
}

// Forget ends all sessions of host a with host b at the end of a, with
// ConnectionLost: b is not told, and its end is half-open until it times out or a
// dials again. It gives how many there were.
func (n *Network) Forget(a, b string) (count int) {
	ha, hb := n.host(a), n.host(b)
	for _, c := range append([]*conn(nil), n.conns...) {
		for i := range c.ends {
			s, o := &c.ends[i], &c.ends[1-i]
			if s.state == up && o.state == up && s.t.host == ha && o.t.host == hb {
				count++
				n.mark(MarkHalfOpen)
				s.die(wire.ConnectionLost, false)
			}
		}
	}
	return count
}

func each(a, b []string, f func(from, to string)) {
	for _, x := range a {
		for _, y := range b {
			f(x, y)
			f(y, x)
		}
	}
}

func (n *Network) wakeAll() {
	for _, d := range n.ways {
		d.wake()
	}
}

// wake lets what a block or a hold stopped go on, once nothing stops it.
func (d *direction) wake() {
	if d.blocked() || d.held() {
		return
	}
	stalled := d.stalled
	d.stalled = nil
	for _, s := range stalled {
		s.stalled = false
		s.goOn()
	}
}
