package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// liveEnv is an Env with real goroutines, for queues: it has neither clock nor
// transport. Package live may not be imported here.
func liveEnv(*testing.T) *runtime.Env { return &runtime.Env{Scheduler: goroutines{}, Clock: stopped{}} }

// stopped is a clock on which nothing takes time.
type stopped struct{ runtime.Clock }

func (stopped) Mono() time.Duration { return 0 }

type goroutines struct{ runtime.Scheduler }

func (goroutines) Strand(string) runtime.Strand { return &serial{} }

func (goroutines) Await(ctx context.Context, arm func(wake func()) (disarm func())) error {
	woken := make(chan struct{})
	disarm := arm(sync.OnceFunc(func() { close(woken) }))
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
	}
	if disarm != nil {
		disarm()
	}
	select {
	case <-woken:
		return nil
	default:
		return context.Cause(ctx)
	}
}

// serial is a strand on a goroutine that exists while there is work.
type serial struct {
	runtime.Strand
	mu    sync.Mutex
	queue []func()
	busy  bool
}

func (s *serial) Post(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, f)
	if !s.busy {
		s.busy = true
		go s.run()
	}
}

func (s *serial) run() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.busy = false
			s.mu.Unlock()
			return
		}
		f := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		f()
	}
}

// deadline bounds tests with real goroutines: a lost wake-up shows as its end.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestInputLosesNoDatumAndNoWakeUpAmongManySenders(t *testing.T) {
	for _, max := range []room{{datums: 1, bytes: 1 << 20}, {datums: 7, bytes: 100}, {datums: 1024, bytes: 1}} {
		env, ctx := liveEnv(t), deadline(t)
		const senders, each = 8, 500
		done := make(chan struct{})
		q := &input{env: env, strand: env.Scheduler.Strand("test"), max: max, next: 1}
		var batch [][]byte
		next := uint64(1) // on the strand, like batch
		q.drain = func() {
			var more bool
			batch, more = q.take(batch[:0], room{datums: 3, bytes: 200, empty: true})
			for _, f := range batch {
				if got := frameSeq(f); got != next {
					t.Errorf("got datum %d, want %d", got, next)
				}
				if next++; next == senders*each+1 {
					close(done)
				}
			}
			if more {
				q.strand.Post(q.drain)
			}
		}
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() {
				for k := range each {
					f := make([]byte, datumHeader+(i*k)%60)
					for {
						_, err := q.put(f)
						if err == nil {
							break
						}
						if err := q.wait(ctx, len(f), never); err != nil {
							t.Errorf("wait: %v", err)
							return
						}
					}
				}
			})
		}
		// The condition comes and goes meanwhile.
		for k := range 200 {
			q.set(k%2 == 0, false)
		}
		q.set(true, false)
		wg.Wait()
		select {
		case <-done:
		case <-ctx.Done():
			t.Fatalf("%+v: not all datums were drained", max)
		}
	}
}

// What changed between a refusal and the wait for its end is not waited for: nobody
// would wake the caller.
func TestInputIsWaitedForOnlyAsLongAsItRefuses(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	full := fifo[[]byte]{items: [][]byte{make([]byte, datumHeader)}}
	for what, c := range map[string]struct {
		q    *input
		want error
	}{
		"room":    {&input{online: true}, nil},
		"the end": {&input{closed: true}, nil},
		"offline": {&input{}, context.Canceled},
		"full":    {&input{online: true, frames: full}, context.Canceled},
	} {
		c.q.env, c.q.max = liveEnv(t), room{datums: 1, bytes: 100}
		for _, closed := range []bool{false, true} { // the handle
			want := c.want
			if closed {
				want = nil
			}
			if err := c.q.wait(over, datumHeader, func() bool { return closed }); !errors.Is(err, want) || len(c.q.waiters.list) != 0 {
				t.Errorf("%s, closed %t: got %v with %d waiters left, want %v and none", what, closed, err, len(c.q.waiters.list), want)
			}
		}
	}
}

func TestInputThatClosesWakesEveryone(t *testing.T) {
	env, ctx := liveEnv(t), deadline(t)
	q := &input{env: env, strand: env.Scheduler.Strand("test"), max: room{datums: 1, bytes: 1}, next: 1}
	q.drain = func() {}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for {
				if _, err := q.put(make([]byte, datumHeader)); errors.Is(err, ErrClosed) {
					return
				}
				if err := q.wait(ctx, datumHeader, never); err != nil {
					t.Errorf("wait: %v", err)
					return
				}
			}
		})
	}
	q.set(false, true)
	wg.Wait()
	if len(q.waiters.list) != 0 {
		t.Errorf("%d waiters left", len(q.waiters.list))
	}
}

func TestQueueGivesEachDatumToOneReceiverAndAsksForMore(t *testing.T) {
	env, ctx := liveEnv(t), deadline(t)
	const total, batch = 20000, 9
	q := &queue{env: env, strand: env.Scheduler.Strand("test"), maxDatums: 16, maxBytes: 1000}
	q.ready = q.due
	from := &origin{incarnation: 1}
	sent := 0        // on the strand
	push := func() { // as a link does: until the queue is full, then after onRoom
		for sent < total {
			var list []arrival
			for range min(batch, total-sent) {
				sent++
				list = append(list, arrival{origin: from, gap: gap{uint64(sent), uint64(sent), 1}, payload: binary.BigEndian.AppendUint64(nil, uint64(sent))})
			}
			if q.push(list) {
				return
			}
		}
	}
	q.onRoom = push
	q.strand.Post(push)
	seen := make([]int32, total+1)
	var mu sync.Mutex
	got := 0
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := uint64(0)
			for {
				var a arrival
				err := q.pop(&a)
				switch {
				case errors.Is(err, ErrClosed):
					return
				case errors.Is(err, ErrEmpty):
					if err := q.wait(ctx); err != nil {
						t.Errorf("wait: %v", err)
						return
					}
					continue
				}
				if a.from <= last {
					t.Errorf("got %d after %d", a.from, last)
				}
				last = a.from
				mu.Lock()
				seen[a.from]++
				if got++; got == total {
					q.close()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i, n := range seen[1:] {
		if n != 1 {
			t.Fatalf("datum %d was received %d times", i+1, n)
		}
	}
}

func TestQueueHoldsNoMoreThanItsBoundAndOneBatch(t *testing.T) {
	env := liveEnv(t)
	q := &queue{env: env, strand: env.Scheduler.Strand("test"), maxDatums: 4, maxBytes: 100}
	q.ready = q.due
	rooms := make(chan struct{}, 10)
	q.onRoom = func() { rooms <- struct{}{} }
	x := arrival{origin: &origin{}, gap: gap{1, 1, 1}, payload: make([]byte, 10)}
	if q.push([]arrival{x, x, x}) {
		t.Error("full with 3 of 4")
	}
	if !q.push([]arrival{x}) {
		t.Error("not full with 4 of 4")
	}
	for n := 3; n >= 0; n-- {
		if err := q.pop(new(arrival)); err != nil {
			t.Fatal(err)
		}
		if q.full != (n > 2) {
			t.Errorf("with %d left: full %t", n, q.full)
		}
	}
	<-rooms
	large := x
	large.payload = make([]byte, 100)
	if !q.push([]arrival{large, {origin: x.origin, kind: arrivalGap}}) {
		t.Error("not full with 100 bytes of 100")
	}
	if n := q.close(); n != 1 {
		t.Errorf("%d datums dropped, want 1: a gap is none", n)
	}
	if err := q.pop(new(arrival)); !errors.Is(err, ErrClosed) {
		t.Errorf("pop after close: %v", err)
	}
}

// meanwhile is a scheduler under which something happens while a caller is parked.
type meanwhile struct {
	goroutines
	happens func()
}

func (m meanwhile) Await(_ context.Context, arm func(wake func()) (disarm func())) error {
	arm(func() {})
	m.happens()
	return nil
}

func TestWaitingForADatumAllocatesNothing(t *testing.T) {
	q := &queue{maxDatums: 4, maxBytes: 1000}
	batch := []arrival{{origin: &origin{}, gap: gap{1, 1, 1}}}
	q.env = &runtime.Env{Scheduler: meanwhile{happens: func() { q.push(batch) }}}
	q.ready = q.due
	ctx := deadline(t)
	var a arrival
	allocs := testing.AllocsPerRun(100, func() {
		if err := q.wait(ctx); err != nil {
			t.Fatal(err)
		}
		if err := q.pop(&a); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 || len(q.waiters.list) != 0 {
		t.Errorf("%v allocations, %d waiters left, want none", allocs, len(q.waiters.list))
	}
}

func TestSendAllocatesTheFrameAndNothingElse(t *testing.T) {
	env := liveEnv(t)
	p := &producer{hub: &Streams{}, worker: &fanout{}, env: env, config: ProducerConfig{MaxDatum: wire.DefaultDatum}.withDefaults()}
	p.input.env, p.input.strand, p.input.max, p.input.online = env, env.Scheduler.Strand("test"), room{datums: 1 << 20, bytes: 1 << 30}, true
	p.input.posted = true // nobody drains
	pp := &Producer[[]byte]{core: p, codec: Bytes{}}
	v := make([]byte, 128)
	var batch [][]byte
	send := func() {
		for range 100 {
			if _, err := pp.TrySend(v); err != nil {
				t.Fatal(err)
			}
		}
		batch, _ = p.input.take(batch[:0], room{datums: 100, bytes: 1 << 30})
		clear(batch)
		p.input.posted = true
	}
	send()
	if allocs := testing.AllocsPerRun(20, send); allocs > 100 {
		t.Errorf("%v allocations for 100 datums, want 100", allocs)
	}
}

func never() bool { return false }
