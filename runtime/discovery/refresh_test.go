package discovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// A node that changes its entry without a pause tells no more of it than others pass on, so
// that the last change is not what has to wait for a comparison of catalogs.
func TestLastOfManyChangesIsToldSoon(t *testing.T) {
	for seed := range uint64(5) {
		c := newCluster(t, seed, 6)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(names(6), names(6)) })
		d := c.nodes[name(0)]
		before := c.count(event.EntryPublished, name(0), name(0))
		for i := range 400 {
			id := ident.Stream(fmt.Sprint(i / 2))
			if i%2 == 0 {
				if err := d.AddStream(id); err != nil {
					t.Fatal(err)
				}
			} else {
				d.RemoveStream(id)
			}
			c.run(5 * time.Millisecond)
		}
		if err := d.AddStream(ident.Stream("last")); err != nil {
			t.Fatal(err)
		}
		c.within(500*time.Millisecond, "the last change everywhere", func() bool { return c.agree(names(6), names(6)) && d.Me().HasStream(ident.Stream("last")) })
		if n := c.count(event.EntryPublished, name(0), name(0)) - before; n < 32 || n > 48 {
			t.Errorf("seed %d: published %d times, want %d to %d", seed, n, 32, 48)
		}
	}
}
