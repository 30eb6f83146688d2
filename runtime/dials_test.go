package runtime_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

const somewhere = "192.0.2.1:4000"

func peer(i int) (id ident.PeerID) {
	id[0], id[1] = byte(i), byte(i>>8)
	return id
}

// fails dials somewhere and finds there; it fails the test if the dial is withheld.
func fails(t *testing.T, d *runtime.Dials, peer, there ident.PeerID, now time.Duration) {
	t.Helper()
	if d.Begin(peer, somewhere, now) != wire.None {
		t.Fatalf("a dial of %s at %s is withheld", peer.Short(), now)
	}
	d.End(peer, somewhere, there, now)
}

var nobody ident.PeerID

func TestAddressThatFailsForManyIsShunned(t *testing.T) {
	var d runtime.Dials
	now := time.Minute
	for i := range runtime.ShunAfter {
		fails(t, &d, peer(i+1), nobody, now)
		now += time.Minute
	}
	last := now - time.Minute
	if d.Begin(peer(9), somewhere, last+runtime.ShunFor-1) == wire.None {
		t.Error("another peer is dialled where three failed")
	}
	if d.Begin(peer(1), somewhere, last+runtime.ShunFor-1) == wire.None {
		t.Error("one of the three is dialled again")
	}
	if d.Begin(peer(9), somewhere, last+runtime.ShunFor) != wire.None {
		t.Error("the address is shunned for longer than promised")
	}
	fails(t, &d, peer(9), nobody, last+runtime.ShunFor)
	if d.Begin(peer(10), somewhere, last+runtime.ShunFor+time.Minute) != wire.None {
		t.Error("one failure after that shuns again")
	}
}

func TestOnePeerMayFailForEver(t *testing.T) {
	var d runtime.Dials
	for i := range 1000 {
		fails(t, &d, peer(1), nobody, time.Duration(i)*time.Millisecond)
	}
}

func TestPeersAreNotSoughtOftenWhereSomebodyElseLives(t *testing.T) {
	var d runtime.Dials
	owner := peer(3)
	dials, told := 0, 0
	for now := time.Duration(0); now < 10*time.Minute; now += 100 * time.Millisecond {
		for i := range runtime.ShunAfter - 1 { // so few that the address is not shunned
			switch d.Begin(peer(i+1), somewhere, now) {
			case wire.None:
				d.End(peer(i+1), somewhere, owner, now)
				dials++
			case wire.WrongIdentity:
				told++
			}
		}
		fails(t, &d, owner, owner, now) // who lives there is dialled as often as one likes
	}
	if dials < 30 || dials > 70 {
		t.Errorf("%d dials in 10 minutes of peers that are not there, want a few and then one in 10 s", dials)
	}
	if told < 10_000 {
		t.Errorf("a dial that is withheld says %d times that somebody else lives there, want nearly always", told)
	}
	if r := d.Begin(peer(9), somewhere, 10*time.Minute); r != wire.None && r != wire.DialWithheld {
		t.Errorf("%v of a peer that was never sought there", r)
	}
	if d.Begin(peer(1), somewhere, 20*time.Minute) != wire.None {
		t.Error("a peer is never looked for again")
	}
}

func TestWhoIsThereStaysReachable(t *testing.T) {
	var d runtime.Dials
	victim := peer(100)
	now := time.Minute
	for i := range runtime.ShunAfter {
		fails(t, &d, peer(i+1), victim, now)
		now += time.Minute
	}
	if d.Begin(peer(50), somewhere, now) == wire.None {
		t.Error("the address is not shunned")
	}
	if d.Begin(victim, somewhere, now) != wire.None {
		t.Error("liars keep a node from the peer whose address they claim")
	}
	d.End(victim, somewhere, victim, now)
	if d.Begin(peer(50), somewhere, now) == wire.None {
		t.Error("liars have more tries because the victim was reached")
	}
}

func TestWhereNobodyAnsweredNobodyElseIs(t *testing.T) {
	var d runtime.Dials
	want := func(i int, now time.Duration, want wire.Reason) {
		t.Helper()
		if r := d.Begin(peer(i), somewhere, now); r != want {
			t.Errorf("dial of peer %d at %s: %v, want %v", i, now, r, want)
		}
	}
	want(1, 0, wire.None)
	want(2, time.Millisecond, wire.DialWithheld) // the first may yet succeed
	d.End(peer(1), somewhere, nobody, 2*time.Millisecond)
	want(2, 3*time.Millisecond, wire.DialFailed)
	fails(t, &d, peer(2), nobody, time.Second)
	fails(t, &d, peer(3), nobody, 2*time.Second)
	want(4, 3*time.Second, wire.DialFailed) // shunned
	want(4, 12*time.Second-1, wire.DialFailed)
	want(4, 12*time.Second, wire.DialWithheld) // who knows what became of it
	d.Met(peer(5), somewhere, 13*time.Second)
	want(4, 13*time.Second, wire.DialWithheld)
}

func TestASuccessEndsTheWaitOfOthers(t *testing.T) {
	var d runtime.Dials
	fails(t, &d, peer(1), nobody, 0)
	fails(t, &d, peer(1), nobody, 0)
	if r := d.Begin(peer(1), somewhere, time.Millisecond); r != wire.None {
		t.Fatalf("a peer that failed is not tried again: %v", r)
	}
	d.End(peer(1), somewhere, peer(1), time.Millisecond)
	fails(t, &d, peer(2), peer(1), time.Millisecond)
	if d.Begin(peer(3), somewhere, 251*time.Millisecond-1) == wire.None || d.Begin(peer(3), somewhere, 251*time.Millisecond) != wire.None {
		t.Error("failures of before count for the wait after a success")
	}
}

func TestOnePeerAtATimeIsDialledAtAnAddress(t *testing.T) {
	var d runtime.Dials
	for range 2 {
		if d.Begin(peer(1), somewhere, 0) != wire.None {
			t.Fatal("a dial is withheld")
		}
	}
	if d.Begin(peer(2), somewhere, 10*time.Second-1) == wire.None {
		t.Error("another peer is dialled while one is")
	}
	if d.Begin(peer(2), somewhere, 10*time.Second) != wire.None {
		t.Error("a dial that was given up keeps others waiting for ever")
	}
}

func TestFailuresOfLongAgoDoNotAddUp(t *testing.T) {
	var d runtime.Dials
	for i := range 10 {
		fails(t, &d, peer(i+1), nobody, time.Duration(i)*(runtime.ShunFor+time.Second))
	}
}

func TestOthersWaitAfterAFailure(t *testing.T) {
	var d runtime.Dials
	fails(t, &d, peer(1), nobody, 0)
	if d.Begin(peer(2), somewhere, 250*time.Millisecond-1) == wire.None {
		t.Error("another peer is dialled at once where one failed")
	}
	fails(t, &d, peer(2), nobody, 250*time.Millisecond)
	if d.Begin(peer(3), somewhere, 750*time.Millisecond-1) == wire.None {
		t.Error("the wait does not double")
	}
	if d.Begin(peer(3), somewhere, 750*time.Millisecond) != wire.None {
		t.Error("the wait is longer than promised")
	}
}

func TestNewAddressesAreLimited(t *testing.T) {
	var d runtime.Dials
	dial := func(i int, now time.Duration) bool {
		return d.Begin(peer(i), fmt.Sprintf("192.0.2.1:%d", i), now) == wire.None
	}
	for i := range runtime.NewAddresses {
		if !dial(i, 0) {
			t.Fatalf("address %d is withheld", i)
		}
	}
	if dial(runtime.NewAddresses, 0) {
		t.Error("one more than a second's worth is dialled at once")
	}
	if !dial(3, 0) {
		t.Error("an address that was dialled before counts as new")
	}
	began := 0
	for ms := range 10_000 {
		if dial(1000+ms, time.Duration(ms)*time.Millisecond) {
			began++
		}
	}
	if want := 10*runtime.NewAddresses - 1; began < want || began > want+1 {
		t.Errorf("%d new addresses in 10 s, want about %d", began, want)
	}
}

func TestMemoryOfAddressesIsBounded(t *testing.T) {
	var d runtime.Dials
	began := 0
	const dials = 100_000
	for i := range dials {
		now := time.Duration(i) * time.Second / runtime.NewAddresses
		addr := fmt.Sprintf("192.0.2.1:%d", i)
		if d.Begin(peer(i), addr, now) == wire.None {
			began++
			d.End(peer(i), addr, nobody, now)
		}
	}
	if began != dials {
		t.Errorf("%d of %d addresses were dialled at the rate that is allowed", began, dials)
	}
	if n := d.Len(); n > 1<<15 {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestPeersThatWereSoughtInVainAreUnlikely(t *testing.T) {
	var d runtime.Dials
	addrs := []string{somewhere}
	want := func(i int, likely bool) {
		t.Helper()
		if d.Likely(peer(i), addrs) != likely {
			t.Errorf("a dial of peer %d is likely: %v, want %v", i, !likely, likely)
		}
	}
	want(1, true)
	fails(t, &d, peer(1), nobody, time.Minute)
	want(1, false)
	want(2, false) // the address did not answer
	addrs = append(addrs, "192.0.2.2:4000")
	want(1, true) // it may be at the other address
	addrs = addrs[:1]
	fails(t, &d, peer(2), peer(2), 2*time.Minute)
	fails(t, &d, peer(1), peer(2), 3*time.Minute)
	want(1, false)
	want(2, true) // it was there
}

func TestOnlyTheLastFewOfAnAddressStayReachable(t *testing.T) {
	var d runtime.Dials
	now := time.Minute
	for _, i := range []int{1, 2, 3, 2, 4, 4} { // a machine that runs with one key after another
		d.Met(peer(i), somewhere, now)
	}
	for i := range runtime.ShunAfter {
		fails(t, &d, peer(i+11), nobody, now)
		now += time.Minute
	}
	for i, want := range []bool{false, true, true, true} {
		if open := d.Begin(peer(i+1), somewhere, now) == wire.None; open != want {
			t.Errorf("peer %d may be dialled where it lived: %t, want %t", i+1, open, want)
		}
	}
	var last, former int
	for range 100 { // all but the last may have gone for good
		if d.Begin(peer(4), somewhere, now) == wire.None {
			last++
		}
		if d.Begin(peer(2), somewhere, now) == wire.None {
			former++
		}
	}
	if last != 100 || former > 10 || d.Begin(peer(2), somewhere, now+time.Minute) != wire.None {
		t.Errorf("of 100 dials at once %d of the last and %d of one before are let through, want all and a few, and one more later", last, former)
	}
}

func TestWhoCameFromAnAddressStaysReachableThere(t *testing.T) {
	var d runtime.Dials
	now := time.Minute
	d.Met(peer(7), somewhere, now)
	for i := range runtime.ShunAfter { // others claim to live there
		fails(t, &d, peer(i+1), peer(7), now)
		now += time.Minute
	}
	if d.Begin(peer(9), somewhere, now) == wire.None {
		t.Error("the address is not shunned")
	}
	for range 3 {
		fails(t, &d, peer(7), nobody, now) // it is gone, and that can be seen
		now += time.Second
	}
	d.Met(peer(8), somewhere, now)
	if d.Begin(peer(7), somewhere, now) != wire.None {
		t.Error("who came from there before may not be dialled")
	}
	if d.Begin(peer(8), somewhere, now) != wire.None {
		t.Error("who came from there last may not be dialled")
	}
}
