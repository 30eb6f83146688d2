package live_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/sim"
)

// TestInboxRecordedUnderLoadReplaysOnTheKernel is what a flight recorder rests
// on: a worker's inbox, in the order that a race on goroutines gave it, makes
// the same worker on the simulation's kernel report the same events.
func TestInboxRecordedUnderLoadReplaysOnTheKernel(t *testing.T) {
	const seed = 7
	tape := record(t, seed)
	kinds := map[event.Kind]int{}
	for _, e := range tape.events {
		kinds[e.Kind]++
	}
	t.Logf("%d entries, %d readings of the clock, %d settings, events %v", len(tape.entries), len(tape.readings), len(tape.settings), kinds)
	for _, kind := range []event.Kind{event.Mark, event.Enqueued, event.Written, event.Received, event.Dropped} {
		if kinds[kind] == 0 {
			t.Errorf("the recording has no %v event", kind)
		}
	}
	events, err := replay(tape, seed)
	if err != nil {
		t.Error(err)
	}
	if !slices.Equal(events, tape.events) {
		t.Error(cmp.Diff(events, tape.events))
	}

	// A request that is no cancellation is always told of.
	told := func(e live.Entry) bool {
		return strings.HasPrefix(e.Source, "client ") && requestOf(e.Source, e.Nth).cancels == 0
	}
	for _, c := range []struct {
		name  string
		seed  uint64
		spoil func(*tapeOf)
	}{
		{"two entries swapped", seed, func(c *tapeOf) {
			i := 0
			for !told(c.entries[i]) || !told(c.entries[i+1]) || c.entries[i].Source == c.entries[i+1].Source {
				i++
			}
			c.entries[i], c.entries[i+1] = c.entries[i+1], c.entries[i]
		}},
		{"an entry is missing", seed, func(c *tapeOf) {
			i := slices.IndexFunc(c.entries, told)
			c.entries = slices.Delete(c.entries, i, i+1)
		}},
		{"a timer fires before its start", seed, func(c *tapeOf) {
			i := slices.IndexFunc(c.entries, func(e live.Entry) bool { return strings.HasPrefix(e.Source, "timer ") })
			e := c.entries[i]
			c.entries = slices.Insert(slices.Delete(c.entries, i, i+1), 0, e)
		}},
		{"the clock reads otherwise", seed, func(c *tapeOf) {
			for i := range c.readings { // nothing is served in time
				c.readings[i].value += int64(i) * int64(time.Hour)
			}
		}},
		{"another seed", seed + 1, func(*tapeOf) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spoilt := *tape
			spoilt.entries, spoilt.readings = slices.Clone(tape.entries), slices.Clone(tape.readings)
			c.spoil(&spoilt)
			events, err := replay(&spoilt, c.seed)
			if err == nil && slices.Equal(events, tape.events) {
				t.Error("the replay did not notice")
			}
		})
	}
}

// tapeOf a strand is everything that its behaviour depends on, and what it did.
type tapeOf struct {
	entries  []live.Entry
	readings []reading  // of the clock, in order
	settings []settings // what the nth entry of the settings carried
	events   []event.Event
}

// reading is what a clock told.
type reading struct {
	wall  bool
	value int64
}

// Event keeps what the worker reports, without its times.
func (c *tapeOf) Event(e event.Event) {
	e.Wall, e.Mono = 0, 0
	c.events = append(c.events, e)
}

// deskSeed makes the streams of a live strand those of the same strand in the
// world of that number.
func deskSeed(world uint64) runtime.Seed {
	return runtime.SeedOf(world).Derive("host", "world", "incarnation", "0")
}

const (
	clients  = 4
	requests = 600 // of each
	window   = 2   // requests of one client that may be in the inbox
)

// record runs a desk on goroutines, with clients, a setter and timers that race
// for its inbox while others keep the machine busy.
func record(t *testing.T, world uint64) *tapeOf {
	c := &tapeOf{}
	defer load(t)()
	recorder := &live.Recorder{}
	s := newScheduler(t, live.SchedulerConfig{Seed: deskSeed(world), Hook: recorder.Hook})
	strand := s.Strand("desk")
	from := func(source string) runtime.Strand { return live.Labelled(strand, source) }
	env := &runtime.Env{Clock: &metered{Clock: live.NewClock(clock.New()), tape: c}, Scheduler: s, Observer: c}
	var watch runtime.Watch[settings]
	d := newDesk(env, from("desk"), func(f func(settings)) func() {
		return watch.Subscribe(from("settings"), func(v settings) {
			c.settings = append(c.settings, v)
			f(v)
		})
	})
	from("start").Post(d.start)
	var group sync.WaitGroup
	for i := range clients {
		source := clientName(i)
		room := make(chan struct{}, window)
		view := from(source)
		group.Go(func() {
			for n := range uint64(requests) {
				room <- struct{}{}
				view.Post(func() {
					d.on(requestOf(source, n+1))
					<-room
				})
			}
		})
	}
	group.Go(func() {
		taken := make(chan struct{}, 1)
		for n := range 100 {
			watch.Set(settings{version: n + 1, places: 8 + n%16, patience: time.Duration(1+n%4) * 500 * time.Microsecond})
			from("turn").Post(func() { taken <- struct{}{} })
			<-taken
		}
	})
	group.Wait()
	from("stop").Post(d.stop)
	settle(from("turn"))
	entries, lost := recorder.Entries("desk")
	if lost > 0 {
		t.Fatalf("%d entries lost", lost)
	}
	c.entries = entries
	return c
}

// load keeps strands of another scheduler busy until the function that it gives
// is called.
func load(t *testing.T) (end func()) {
	s := newScheduler(t, live.SchedulerConfig{})
	var ended atomic.Bool
	for range 4 {
		strand := s.Strand("load")
		var spin func()
		spin = func() {
			if !ended.Load() {
				strand.Post(spin)
			}
		}
		strand.Post(spin)
	}
	return func() { ended.Store(true) }
}

// metered is a clock whose readings are kept. It is the desk's own, and the
// desk reads it on its strand only.
type metered struct {
	*live.Clock
	tape *tapeOf
}

func (m *metered) Now() time.Time {
	now := m.Clock.Now()
	m.tape.readings = append(m.tape.readings, reading{wall: true, value: now.UnixNano()})
	return now
}

func (m *metered) Mono() time.Duration {
	mono := m.Clock.Mono()
	m.tape.readings = append(m.tape.readings, reading{value: int64(mono)})
	return mono
}

// player replays a tape on a strand of the kernel. It is the desk's clock.
type player struct {
	tape     *tapeOf
	strand   runtime.Strand
	desk     *desk
	watch    runtime.Watch[settings]
	at       int                 // the next entry
	read     int                 // the next reading
	set      int                 // the next settings
	outboxes map[string][]func() // what was posted on the replayed strand, by source
	timers   []*playedTimer      // the nth that was started
	fault    error
	tapeOf   // of the replay: events only
}

// replay gives the events of a desk on the kernel, fed from a tape, and where
// the desk left the tape, if it did.
func replay(c *tapeOf, world uint64) ([]event.Event, error) {
	w := sim.New(sim.Config{Seed: world})
	p := &player{tape: c, strand: w.Env().Scheduler.Strand("desk"), outboxes: map[string][]func(){}}
	env := &runtime.Env{Clock: p, Scheduler: w.Env().Scheduler, Observer: p}
	p.desk = newDesk(env, outbox{p, "desk"}, func(f func(settings)) func() {
		return p.watch.Subscribe(outbox{p, "settings"}, f)
	})
	p.strand.Post(p.next)
	p.failed(w.Run(time.Minute))
	switch {
	case p.at < len(c.entries):
		p.failed(fmt.Errorf("%d entries were not replayed", len(c.entries)-p.at))
	case p.read != len(c.readings):
		p.failed(fmt.Errorf("the clock was read %d times, recorded %d", p.read, len(c.readings)))
	}
	for source, left := range p.outboxes {
		if len(left) > 0 {
			p.failed(fmt.Errorf("%d entries of %s have no record", len(left), source))
		}
	}
	p.failed(w.Close())
	return p.events, p.fault
}

func (p *player) failed(err error) { p.fault = errors.Join(p.fault, err) }

// next posts the next entry, and itself to follow it.
func (p *player) next() {
	if p.at == len(p.tape.entries) || p.fault != nil {
		return
	}
	e := p.tape.entries[p.at]
	p.at++
	if f := p.entry(e); f != nil {
		p.strand.Post(f)
		p.strand.Post(p.next)
	} else {
		p.failed(fmt.Errorf("entry %d, %s/%d, was not posted on the replayed strand", e.Seq, e.Source, e.Nth))
	}
}

// entry makes an entry's function: from its source and number, or by taking
// what the worker itself asked for before.
func (p *player) entry(e live.Entry) func() {
	var timer int
	if n, _ := fmt.Sscanf(e.Source, "timer %d", &timer); n == 1 {
		if timer > len(p.timers) || !p.timers[timer-1].armed {
			return nil
		}
		t := p.timers[timer-1]
		return func() { t.armed = false; t.f() }
	}
	switch e.Source {
	case "start":
		return p.desk.start
	case "stop":
		return p.desk.stop
	case "turn":
		return func() {}
	case "settings":
		if p.set == len(p.tape.settings) {
			return nil
		}
		p.watch.Set(p.tape.settings[p.set])
		p.set++
		return p.take(e.Source)
	case "desk":
		return p.take(e.Source)
	default:
		return func() { p.desk.on(requestOf(e.Source, e.Nth)) }
	}
}

func (p *player) take(source string) func() {
	posted := p.outboxes[source]
	if len(posted) == 0 {
		return nil
	}
	p.outboxes[source] = posted[1:]
	return posted[0]
}

// outbox is the strand as one of the sources within the replay sees it: what is
// posted waits for its entry.
type outbox struct {
	player *player
	source string
}

func (o outbox) Post(f func()) {
	o.player.outboxes[o.source] = append(o.player.outboxes[o.source], f)
}

func (o outbox) Rand(name string) *runtime.Rand { return o.player.strand.Rand(name) }

func (p *player) reading(wall bool) int64 {
	if p.read == len(p.tape.readings) || p.tape.readings[p.read].wall != wall {
		p.failed(fmt.Errorf("reading %d of the clock has no record", p.read+1))
		return 0
	}
	p.read++
	return p.tape.readings[p.read-1].value
}

// Now and Mono tell what the clock told when the tape was recorded.
func (p *player) Now() time.Time { return time.Unix(0, p.reading(true)).UTC() }

func (p *player) Mono() time.Duration { return time.Duration(p.reading(false)) }

// AfterFunc and At give timers that fire where the tape says so.
func (p *player) AfterFunc(_ runtime.Strand, _ time.Duration, f func()) runtime.Timer {
	t := &playedTimer{f: f, armed: true}
	p.timers = append(p.timers, t)
	return t
}

func (p *player) At(s runtime.Strand, _ time.Time, f func()) runtime.Timer {
	return p.AfterFunc(s, 0, f)
}

type playedTimer struct {
	f     func()
	armed bool
}

func (t *playedTimer) Stop() { t.armed = false }

func (t *playedTimer) Reset(time.Duration) { t.armed = true }
