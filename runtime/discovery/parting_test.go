package discovery_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// Of many nodes that leave at once each is known to have left soon afterwards, though most of
// those that it could tell are leaving too. Where two stay, one of them may have to tell the
// other. The failure detector takes 40 s.
func TestManyThatLeaveAtOnceAreForgottenAtOnce(t *testing.T) {
	const seeds = 6
	for _, n := range []struct{ hosts, stay int }{{8, 1}, {42, 2}, {42, 21}} {
		soon := 0
		for seed := range uint64(seeds) {
			c := converged(t, seed, n.hosts)
			stay := names(n.stay)
			for _, host := range names(n.hosts)[n.stay:] {
				h := c.Host(host)
				s := h.Env().Scheduler.Strand("test")
				c.nodes[host].Stop(s, func() { h.Env().Transport.Drain(wire.GracefulShutdown, time.Second, s, h.Crash) })
			}
			at := c.Now()
			c.within(20*time.Second, "agreement of those that stay", func() bool { return c.agree(stay, stay) })
			if c.Now()-at < time.Second {
				soon++
			}
		}
		if soon <= seeds/2 {
			t.Errorf("%d of %d stay: they agree within a second with %d of %d seeds", n.stay, n.hosts, soon, seeds)
		}
	}
}
