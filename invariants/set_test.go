package invariants_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestOnlyTheFirstViolationsAreKept(t *testing.T) {
	var steps []step
	for i := range 3 * invariants.MaxViolations {
		steps = append(steps, c(event.Event{Kind: event.CallbackPanicked, N: int64(i)})...)
	}
	set := invariants.New(invariants.Options{})
	for _, r := range records(steps) {
		set.Event(&r)
	}
	got := set.Violations()
	if len(got) != invariants.MaxViolations || got[0].At != time.Millisecond || set.Total() != len(steps) {
		t.Errorf("got %d violations from %s on, %d in all; want the first %d of %d", len(got), got[0].At, set.Total(), invariants.MaxViolations, len(steps))
	}
}

func TestEveryInvariantIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for i, x := range invariants.List() {
		if x.Name != invariants.Names()[i] || seen[x.Name] || x.Doc == "" || x.Kind != invariants.Safety && x.Kind != invariants.Liveness {
			t.Errorf("invariant %d is %+v: want a name of its own, a kind and a doc", i, x)
		}
		seen[x.Name] = true
	}
}

// counter is a checker of a user's.
type counter struct{ events, finished int }

func (c *counter) Name() string         { return "counter" }
func (c *counter) Event(*event.Record)  { c.events++ }
func (c *counter) Finish(time.Duration) { c.finished++ }

func TestAddedCheckersSeeEverything(t *testing.T) {
	set := invariants.New(invariants.Options{Byzantine: []string{"p"}})
	own := &counter{}
	set.Add(own)
	steps := upTo(3)
	for _, r := range records(steps) {
		set.Event(&r)
	}
	set.Finish(time.Second)
	set.Finish(time.Second)
	if own.events != len(steps) || own.finished != 1 {
		t.Errorf("the checker saw %d events and %d ends, want %d and 1", own.events, own.finished, len(steps))
	}
}

// TestLegalHistoriesPass draws histories from a tiny model of one producer with
// three consumers that come, lag and go, and of the network between them.
func TestLegalHistoriesPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			m.step()
		}
		m.close()
		if names, all := broken(invariants.Options{}, m.steps, 0, time.Hour); names != nil {
			t.Fatalf("a legal history breaks %v", all)
		}
	})
}

// TestMutatedHistoriesFail takes one datum out of a legal history, or doubles
// it, or moves its number: some invariant notices.
func TestMutatedHistoriesFail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.admit(0)
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			m.step()
		}
		m.close()
		var at []int
		for i, s := range m.steps {
			if s.event.Kind == event.Received || s.event.Kind == event.Enqueued || s.event.Kind == event.Written {
				at = append(at, i)
			}
		}
		if len(at) == 0 {
			return
		}
		i := rapid.SampledFrom(at).Draw(t, "at")
		s := m.steps[i]
		if rapid.Bool().Draw(t, "double") {
			m.steps = append(m.steps[:i+1:i+1], append([]step{s}, m.steps[i+1:]...)...)
		} else {
			m.steps[i].event.N++
		}
		if names, _ := broken(invariants.Options{}, m.steps, 0, time.Hour); names == nil {
			t.Fatalf("nothing notices that %s was changed", s.event)
		}
	})
}

type model struct {
	t     *rapid.T
	steps []step
	next  uint64
	subs  uint64
	peers [3]modelSub
	n     int64 // active
}

type modelSub struct {
	id                            uint64
	active, up                    bool
	enqueued, written, seen, from uint64 // numbers before which all is done
	known                         uint64 // next number expected by the consumer, over reconnects
	tries                         int64
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, next: 1}
	m.add(p(opened(2)))
	return m
}

func (m *model) add(steps []step) { m.steps = append(m.steps, steps...) }

func (m *model) host(i int) string { return []string{"c", "d", "e"}[i] }

func (m *model) step() {
	i := rapid.IntRange(0, 2).Draw(m.t, "peer")
	s := &m.peers[i]
	name := m.host(i)
	switch rapid.SampledFrom([]string{"admit", "send", "write", "receive", "cut", "up"}).Draw(m.t, "step") {
	case "admit":
		m.admit(i)
	case "send":
		m.send(uint64(rapid.IntRange(1, 5).Draw(m.t, "datums")))
	case "write":
		if n := m.part(s.written, s.enqueued); s.active && n > s.written {
			m.add(p(written(s.id, name, s.written, n-1)))
			s.written = n
		}
	case "up":
		m.up(i)
	case "receive":
		if n := m.part(s.seen, s.enqueued); s.up && n > s.seen {
			m.add(on(name, received(s.seen, n-1)))
			s.seen, s.known = n, n
		}
	case "cut":
		m.cut(i)
	}
}

// part draws a number between two.
func (m *model) part(from, to uint64) uint64 {
	if to <= from {
		return from
	}
	return from + uint64(rapid.IntRange(0, int(to-from)).Draw(m.t, "part"))
}

func (m *model) admit(i int) {
	s := &m.peers[i]
	if s.active || m.n == 2 {
		return
	}
	m.subs++
	m.n++
	*s = modelSub{id: m.subs, active: true, enqueued: m.next, written: m.next, seen: m.next, from: m.next, known: s.known, tries: s.tries + 1}
	m.add(on(m.host(i), subscribing(s.tries)))
	m.add(p(accepted(s.id, m.host(i), m.next, m.n)))
	if m.n == 1 {
		m.add(p(online(1)))
	}
}

func (m *model) up(i int) {
	s := &m.peers[i]
	if !s.active || s.up {
		return
	}
	s.up = true
	m.add(on(m.host(i), subscribed(s.from)))
	if s.known != 0 && s.known < s.from {
		m.add(on(m.host(i), skipped(s.known, s.from-1)))
	}
	s.known = s.from
}

func (m *model) send(n uint64) {
	if m.n == 0 {
		m.add(p(inputDropped(m.next, m.next+n-1, wire.None)))
	}
	for i := range m.peers {
		if s := &m.peers[i]; s.active {
			m.add(p(enqueued(s.id, m.host(i), m.next, m.next+n-1)))
			s.enqueued = m.next + n
		}
	}
	m.next += n
}

func (m *model) cut(i int) {
	s := &m.peers[i]
	if !s.active {
		return
	}
	name := m.host(i)
	m.n--
	s.active = false
	m.add(p(draining(s.id, name, wire.TooSlow)))
	if m.n == 0 {
		m.add(p(offline(0)))
	}
	if s.enqueued > s.written {
		m.add(p(dropped(s.id, name, s.written, s.enqueued-1, wire.TooSlow)))
	}
	back := m.part(s.seen, s.written)
	if back < s.written {
		m.add(p(dropped(s.id, name, back, s.written-1, wire.TooSlow)))
	}
	m.add(p(ended(s.id, name, int64(s.written-min(back, s.written)))))
	if s.up {
		m.add(on(name, unsubscribed(wire.TooSlow)))
		s.up = false
	}
}

func (m *model) close() {
	for i := range m.peers {
		m.cut(i)
	}
	m.add(p(closed()))
}

// BenchmarkEvent is the cost of one record on the data path: one producer, nine
// consumers, and their applications.
func BenchmarkEvent(b *testing.B) {
	steps := p(opened(0))
	hosts := []string{"c", "d", "e", "f", "g", "h", "i", "j", "k"}
	for i, h := range hosts {
		steps = history(steps, on(h, subscribing(1)), p(accepted(uint64(i+1), h, 1, int64(i+1))), on(h, subscribed(1)))
	}
	start := records(steps)
	var round []event.Record // moves each host by one datum
	round = append(round, records(p(appSent(1, 1)))...)
	for i, h := range hosts {
		round = append(round, records(history(p(enqueued(uint64(i+1), h, 1, 1), written(uint64(i+1), h, 1, 1)), on(h, received(1, 1), appReceived(1, 1, 1))))...)
	}
	set := invariants.New(invariants.Options{})
	for _, r := range start {
		set.Event(&r)
	}
	var seq uint64
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n%len(round) == 0 {
			seq++
		}
		r := &round[n%len(round)]
		r.From, r.To = seq, seq
		set.Event(r)
		n++
	}
	if got := set.Violations(); len(got) != 0 {
		b.Fatalf("got %v, want none", got)
	}
}

func ExampleSet() {
	set := invariants.New(invariants.Options{})
	set.Event(&event.Record{At: 5e6, Host: "a", Event: event.Event{Kind: event.CallbackPanicked, Text: "require: boom"}})
	set.Finish(time.Second)
	for _, v := range set.Violations() {
		fmt.Println(v)
	}
	// Output: safety violation of panic at 5ms on a: callback.panicked require: boom
}
