package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Host is a simulated machine. It has an identity, a disk and a clock of its
// own, and runs one program at a time; after a crash, the same program may run
// again as a new incarnation that has nothing but the disk.
type Host struct {
	world       *World
	name        string
	index       uint32
	config      HostConfig
	borrowed    []*Host // whose keys it boots with, the last one's
	disk        Disk
	offset      time.Duration // of the wall clock
	ppm, rate   int64         // of its clock, as asked for and as it is: see Drift
	gain, since int64         // what the clock gained by drift, up to the kernel's time since
	pauses      int           // that are not resumed
	cpu         cpu           // in use while the host is slow
	dials       map[string]*dial
	program     func(ctx context.Context, env *runtime.Env)
	incarnation int
	inc         *incarnation // nil while down
}

// HostConfig is what a host's transport is made with. It counts from the next
// boot on.
type HostConfig struct {
	Key      ident.Key // zero: derived from the world's seed and the host's name
	Network  ident.NetworkID
	Secrets  []wire.Secret
	Addr     string                              // empty: 10.x.y.z:4700, by the order of hosts
	Endpoint func(config *netsim.EndpointConfig) // nil: defaults; else may change limits
}

// incarnation is one life of a host.
type incarnation struct {
	host      *Host
	seed      runtime.Seed
	env       *runtime.Env
	transport *netsim.Transport
	started   int64          // by the host's clock
	written   int64          // when the latest write becomes durable
	disk      runtime.Strand // of the root only: see disks
	tasks     []*task
	walls     []*timer // armed timers of At
	strands   []*strand
	cpu       *cpu // of the host, nil unless it is slow
	dead      bool
	stopped   bool // tasks are to end
}

func newHost(w *World, name string, index int) *Host {
	h := &Host{world: w, name: name, index: uint32(index)}
	h.config = HostConfig{
		Key:     ident.KeyFromSeed(w.seed.Derive("key", name)),
		Network: ident.Network("sim"),
		Addr:    fmt.Sprintf("10.%d.%d.%d:4700", index>>16&0xff, index>>8&0xff, index&0xff),
	}
	return h
}

// Name gives the host's name.
func (h *Host) Name() string { return h.name }

// Config gives the configuration of the next boot.
func (h *Host) Config() HostConfig { return h.config }

// Configure changes the configuration of the next boot.
func (h *Host) Configure(change func(c *HostConfig)) { change(&h.config) }

// Key gives the host's identity: its own, or the one that it borrowed last and has
// not returned.
func (h *Host) Key() ident.Key {
	if n := len(h.borrowed); n > 0 {
		return h.borrowed[n-1].config.Key
	}
	return h.config.Key
}

// BorrowKey has the host boot with the key of another from now on, until ReturnKey:
// one key on two hosts.
func (h *Host) BorrowKey(of *Host) { h.borrowed = append(h.borrowed, of) }

// ReturnKey undoes one BorrowKey from the same host; one too many does nothing.
func (h *Host) ReturnKey(of *Host) {
	if i := slices.Index(h.borrowed, of); i >= 0 {
		h.borrowed = slices.Delete(h.borrowed, i, i+1)
	}
}

// Addr gives the address at which the host listens.
func (h *Host) Addr() string { return h.config.Addr }

// Incarnation counts the boots of the program, the present or the latest one
// included; 0 before the first.
func (h *Host) Incarnation() int {
	if h.program == nil {
		return 0
	}
	return h.incarnation + 1
}

// Up tells whether the host runs.
func (h *Host) Up() bool { return h.inc != nil }

// Env gives the present incarnation's Env, nil while the host is down.
func (h *Host) Env() *runtime.Env {
	if h.inc == nil {
		return nil
	}
	return h.inc.env
}

// Boot starts the host with a program, which runs as its first task. A host
// that is up is not booted again: that panics.
func (h *Host) Boot(program func(ctx context.Context, env *runtime.Env)) {
	if h.inc != nil {
		panic("sim: boot of host " + h.name + ", which is up")
	}
	h.program = program
	h.boot()
	inc := h.inc
	inc.goTask("main", func(ctx context.Context) { program(ctx, inc.env) })
}

// boot makes a new incarnation.
func (h *Host) boot() {
	w := h.world
	inc := &incarnation{host: h, started: h.ticks()}
	inc.seed = w.seed.Derive("host", h.name, "incarnation", fmt.Sprint(h.incarnation))
	if h.cpu.cost > 0 {
		inc.cpu = &h.cpu
	}
	h.inc = inc
	env := &runtime.Env{Clock: clock{inc}, Scheduler: scheduler{inc}, Observer: observer{inc}}
	if h != w.root {
		if w.config.Buggify {
			env.Bugs = runtime.NewBugs(inc.seed.Derive("buggify"))
		}
		env.Store = store{inc}
		env.Transport = inc.attach(env.Bugs)
	}
	inc.env = env
}

func (inc *incarnation) attach(bugs *runtime.Bugs) *netsim.Transport {
	h := inc.host
	config := netsim.EndpointConfig{
		Name:     h.name,
		Addr:     h.config.Addr,
		Key:      h.Key(),
		Network:  h.config.Network,
		Secrets:  h.config.Secrets,
		Clock:    clock{inc},
		Observer: observer{inc},
		Bugs:     bugs,
	}
	draw := runtime.NewRand(inc.seed.Derive("instance"))
	binary.LittleEndian.PutUint64(config.Instance[:8], draw.Uint64())
	binary.LittleEndian.PutUint64(config.Instance[8:], draw.Uint64())
	if h.config.Endpoint != nil {
		h.config.Endpoint(&config)
	}
	t, err := h.world.Net.Attach(config)
	if err != nil {
		panic(fmt.Sprintf("sim: attach host %s: %v", h.name, err))
	}
	inc.transport = t
	return t
}

// Crash ends the present incarnation as a power cut does: what was not durable
// is lost and nobody is told.
func (h *Host) Crash() {
	if h.inc == nil {
		return
	}
	h.world.Report(&event.Event{Kind: event.HostCrashed, Text: h.name})
	h.stop()
}

// Restart boots the program again as a new incarnation, after a crash if the
// host is up. A host that was never booted has no program and stays down.
func (h *Host) Restart() {
	if h.program == nil {
		return
	}
	h.Crash()
	h.incarnation++
	h.world.Report(&event.Event{Kind: event.HostRestarted, Text: h.name})
	h.Boot(h.program)
}

// stop ends the incarnation: first its reach to the outside, then its tasks,
// so that what their deferred calls try has no effect.
func (h *Host) stop() {
	inc := h.inc
	h.inc = nil
	inc.dead = true
	if inc.transport != nil {
		inc.transport.Crash()
	}
	h.loses()
	h.cpu.stop()
	for _, s := range inc.strands {
		s.drop()
	}
	h.world.kernel.timers.keep(func(t *timer) bool { return t.strand.inc != inc })
	inc.walls = nil
	for len(inc.tasks) > 0 {
		t := inc.tasks[len(inc.tasks)-1]
		inc.tasks = inc.tasks[:len(inc.tasks)-1]
		t.unwind()
	}
}

// StopTasks has everything in which the tasks of the incarnation wait return
// runtime.ErrStopped from now on, as live.Scheduler.Stop does at the end of a process.
func (h *Host) StopTasks() {
	if h.inc == nil || h.inc.stopped {
		return
	}
	h.inc.stopped = true
	for _, t := range h.inc.tasks {
		if t.parked && !t.woken {
			t.unpark()
		}
	}
}

// Pending tells what an incarnation has left: tasks that did not end, timers
// that are armed, strands with work. All are 0 after an orderly stop.
func (h *Host) Pending() (tasks, timers, strands int) {
	if h.inc == nil {
		return 0, 0, 0
	}
	for _, x := range h.world.kernel.timers {
		if x.timer.armed && x.timer.strand.inc == h.inc {
			timers++
		}
	}
	for _, s := range h.inc.strands {
		if len(s.inbox) > s.head {
			strands++
		}
	}
	return len(h.inc.tasks), timers, strands
}

func (inc *incarnation) forgetTask(t *task) {
	for i, other := range inc.tasks {
		if other == t {
			inc.tasks = append(inc.tasks[:i], inc.tasks[i+1:]...)
			return
		}
	}
}

// scheduler implements runtime.Scheduler for one incarnation.
type scheduler struct{ inc *incarnation }

func (s scheduler) Strand(name string) runtime.Strand {
	strand := s.inc.newStrand(name)
	s.inc.strands = append(s.inc.strands, strand)
	return strand
}

func (s scheduler) Go(name string, f func(ctx context.Context)) {
	if !s.inc.dead {
		s.inc.goTask(name, f)
	}
}

func (s scheduler) Await(ctx context.Context, arm func(wake func()) (disarm func())) error {
	return s.inc.await(ctx, arm)
}

// observer passes the events of one incarnation on to the world.
type observer struct{ inc *incarnation }

func (o observer) Event(e event.Event) {
	if !o.inc.dead {
		o.inc.host.world.report(o.inc.host, &e)
	}
}
