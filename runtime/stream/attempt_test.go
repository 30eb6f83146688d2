package stream

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestBackOffDoublesUpToItsCap(t *testing.T) {
	wait := time.Duration(0)
	for _, want := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 10000, 10000} {
		if wait = nextWait(wait, ConsumerConfig{}.withDefaults().Backoff); wait != want*time.Millisecond {
			t.Errorf("got %s, want %s", wait, want*time.Millisecond)
		}
	}
}

func TestCallbacksOfAnOldAttemptAreIgnored(t *testing.T) {
	r := &receiver{} // whatever a callback did with it would panic
	present := &attempt{receiver: r, up: true}
	r.attempt = present
	old := &attempt{receiver: r, up: true}
	old.OnMessage([]byte{frameDatum, 0, 0, 0, 0, 0, 0, 0, 1})
	old.OnMessage([]byte{77})
	old.OnClosed(runtime.Closed{Reason: wire.NotAllowed})
	if r.attempt != present {
		t.Error("an old attempt ended the present one")
	}
}

// A consumer remembers how far it was with so many producers that are gone, the latest.
func TestProgressIsRememberedOnceAndBounded(t *testing.T) {
	env := liveEnv(t)
	w := &receivers{byPeer: map[ident.PeerID]*receiver{}, board: &board{posted: true}, base: 1 << 32}
	w.env = env
	peer := func(i int) ident.PeerID { return ident.PeerID{1, byte(i), byte(i >> 8)} }
	for i := range 2 * maxFormer {
		r := &receiver{worker: w, peer: &discovery.Peer{Entry: &discovery.Entry{Peer: peer(i)}}, untrack: func() {}, progress: w.recall(peer(i))}
		r.next = uint64(i)
		w.remove(r, wire.UnknownPeer)
	}
	if len(w.former) != maxFormer {
		t.Errorf("%d are remembered, want %d", len(w.former), maxFormer)
	}
	for i, want := range map[int]bool{0: false, maxFormer - 1: false, maxFormer: true, 2*maxFormer - 1: true} {
		first, again := w.recall(peer(i)), w.recall(peer(i))
		if known := first.next == uint64(i) && first.id == 1<<32|uint64(i+1); known != want || first.id == again.id || again.next != 0 {
			t.Errorf("producer %d: recalled as %+v, then %+v, want that it is known %t", i, first, again, want)
		}
	}
}

func TestUnknownRoundTripIsMetAndThenMeasured(t *testing.T) {
	d := demands{rttBelow: 10 * time.Millisecond}
	for rtt, want := range map[time.Duration]struct{ meet, near bool }{0: {true, false}, 10*time.Millisecond - 1: {true, true}, 10 * time.Millisecond: {false, false}} {
		if got := d.mayBeNear(&discovery.Peer{RTT: rtt}); got != want.meet {
			t.Errorf("%s: met %t, want %t", rtt, got, want.meet)
		}
		if got := d.near(&measured{rtt: runtime.RTT{Latest: rtt}}); got != want.near {
			t.Errorf("%s: admitted %t, want %t", rtt, got, want.near)
		}
	}
	if (demands{}).near(nil) != true {
		t.Error("refused without a limit")
	}
}

// measured is a session with a round trip.
type measured struct {
	runtime.Session
	rtt runtime.RTT
}

func (s *measured) RTT() runtime.RTT { return s.rtt }

func TestPeerIsTooFarAwayByTheMeasurementsOfItsSession(t *testing.T) {
	const ms = time.Millisecond
	d := demands{rttBelow: 8 * ms} // and so up to 10 is near enough for a peer that was near
	for what, c := range map[string]struct {
		samples []time.Duration // after the admission; 0: none is new
		far     int             // from which on it is too far; -1: never
	}{
		"near":                 {[]time.Duration{5 * ms, 7 * ms, 3 * ms}, -1},
		"far at first":         {[]time.Duration{8 * ms}, 0},
		"far once it is known": {[]time.Duration{0, 0, 8 * ms}, 2},
		"twice":                {[]time.Duration{5 * ms, 11 * ms, 12 * ms}, 2},
		"once":                 {[]time.Duration{5 * ms, 11 * ms, 5 * ms, 11 * ms}, -1},
		"one sample twice":     {[]time.Duration{5 * ms, 11 * ms, 0, 0}, -1},
		"at the border":        {[]time.Duration{5 * ms, 10 * ms, 9 * ms, 10 * ms}, -1},
		"border in between":    {[]time.Duration{5 * ms, 11 * ms, 10 * ms, 11 * ms}, -1},
	} {
		s := &measured{rtt: runtime.RTT{Latest: 5 * ms, At: 1}}
		var x distance
		x.admitted(s)
		at := -1
		for i, rtt := range c.samples {
			if rtt > 0 {
				s.rtt.Latest, s.rtt.At = rtt, s.rtt.At+1
			}
			if x.far(d, s) && at < 0 {
				at = i
			}
		}
		if at != c.far {
			t.Errorf("%s: too far from sample %d on, want %d", what, at, c.far)
		}
	}
}

// ticking is a clock on which everything takes 11 ms.
type ticking struct {
	runtime.Clock
	mono time.Duration
}

func (c *ticking) Now() time.Time { return time.Time{} }

func (c *ticking) Mono() time.Duration {
	c.mono += 11 * time.Millisecond
	return c.mono
}

// told keeps the events.
type told []event.Event

func (l *told) Event(e event.Event) { *l = append(*l, e) }

func TestSlowCallbackOnAStrandIsReported(t *testing.T) {
	var events told
	c := caller{env: &runtime.Env{Clock: &ticking{}, Observer: &events}}
	for name, run := range map[string]func(ident.PeerID, string, func()) error{"call": c.call, "shield": c.shield} {
		events = nil
		if err := run(nobody, name, func() {}); err != nil {
			t.Error(err)
		}
		slow := len(events) == 1 && events[0].Kind == event.CallbackSlow && events[0].N == int64(11*time.Millisecond) && events[0].Text == name
		if slow != (name == "call") {
			t.Errorf("%s: %v", name, events)
		}
		events = nil
		if err := run(nobody, name, func() { panic("mood") }); !errors.Is(err, wire.CallbackPanic) || len(events) == 0 || events[0].Kind != event.CallbackPanicked {
			t.Errorf("%s that panics: %v, %v", name, err, events)
		}
	}
}

// TestWhatCameIsHandedOverBeforeTheEndIsTold: a link ends in the turn in which a datum came.
func TestWhatCameIsHandedOverBeforeTheEndIsTold(t *testing.T) {
	var events told
	env := &runtime.Env{Clock: &ticking{}, Observer: &events}
	w := &receivers{queue: &queue{env: env, maxDatums: 8, maxBytes: 1 << 10}, config: ConsumerConfig{}.withDefaults()}
	w.env = env
	r := &receiver{worker: w, peer: &discovery.Peer{Entry: &discovery.Entry{}}}
	a := &attempt{receiver: r, origin: &origin{}}
	r.attempt = a
	a.arrive(gap{from: 1, to: 1, count: 1}, arrivalDatum, []byte("last words"))
	r.detach(wire.ConnectionLost)
	if len(events) != 2 || events[0].Kind != event.Received || events[1].Kind != event.Unsubscribed || w.queue.items.len() != 1 {
		t.Errorf("told %v, and %d datums are queued, want the datum and then the end", events, w.queue.items.len())
	}
}

// few is a link of which so many more messages come in the present turn.
type few struct {
	runtime.Link
	more int
}

func (f *few) More() bool { return f.more > 0 }

// TestWhatComesInOneTurnIsHandedOnAtOnce: also if the turn ends with what is no datum, or
// the link does although more was to follow.
func TestWhatComesInOneTurnIsHandedOnAtOnce(t *testing.T) {
	datum := func(seq byte) []byte { return []byte{frameDatum, 0, 0, 0, 0, 0, 0, 0, seq, 'x'} }
	for name, last := range map[string][]byte{"a datum": datum(3), "a message of a later version": {frameGap + 1}, "the end of the link": nil} {
		var events told
		env := &runtime.Env{Clock: &ticking{}, Observer: &events}
		w := &receivers{byPeer: map[ident.PeerID]*receiver{}, board: &board{posted: true}, queue: &queue{env: env, maxDatums: 8, maxBytes: 1 << 10}, config: ConsumerConfig{}.withDefaults()}
		w.env = env
		link := &few{more: 2}
		r := &receiver{worker: w, peer: &discovery.Peer{Entry: &discovery.Entry{}}, untrack: func() {}}
		r.next = 1
		a := &attempt{receiver: r, link: link, up: true, origin: &origin{}}
		r.attempt = a
		for _, m := range [][]byte{datum(1), datum(2), last} {
			if m == nil {
				r.last = true // it is withdrawn: no attempt follows
				a.OnClosed(runtime.Closed{Reason: wire.ConnectionLost})
				events = events[:1]
				break
			}
			a.OnMessage(m)
			if n := w.queue.items.len(); link.more > 0 && n > 0 {
				t.Errorf("%s last: %d datums are queued while %d messages follow", name, n, link.more)
			}
			link.more--
		}
		if n := w.queue.items.len(); n < 2 || len(events) == 0 || events[len(events)-1].Kind != event.Received || events[len(events)-1].N != int64(n) {
			t.Errorf("%s last: %d datums are queued, told %v", name, n, events)
		}
	}
}

// reading is a link of which only this matters: whether it reads.
type reading struct {
	runtime.Link
	paused bool
}

func (l *reading) Resume() { l.paused = false }

func TestRoomThatIsTakenAgainResumesNobody(t *testing.T) {
	w := &receivers{queue: &queue{maxDatums: 1, full: true}}
	link := &reading{paused: true}
	w.list = []*receiver{{attempt: &attempt{link: link, paused: true}}}
	w.onRoom() // posted when there was room, which another link has filled since
	if !link.paused {
		t.Error("a link reads on into a full queue")
	}
	w.queue.full = false
	w.onRoom()
	if link.paused {
		t.Error("a link is paused though there is room")
	}
}
