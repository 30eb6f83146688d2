package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/next"
	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/invariants/linear"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
)

// closeLimit is how long the nodes of a healed world may take to close, all at
// once: closeMax for their producers, the farewell and the transport's drain, with
// some seconds to spare.
const (
	closeMax   = 8 * time.Second
	closeLimit = 15 * time.Second
)

// Options say how a scenario is run.
type Options struct {
	Seed      uint64
	Budget    uint64              // most steps; 0: sim.DefaultBudget
	Until     time.Duration       // stop there, unless the run is being closed by then, and judge safety only; 0: run to the end
	HangLimit time.Duration       // real time that a step may take; 0: sim.DefaultHangLimit, less: for ever
	Programs  []Program           // besides the package's own
	Observe   func(*event.Record) // hears every event, if not nil; the record is good until it returns
	Trace     func(sim.Step)      // hears of every step, if not nil
	// Strategy makes what decides whose turn it is in place of the scenario's, if not nil.
	Strategy func(random *runtime.Rand) sim.Strategy
}

// run is a scenario under way.
type run struct {
	scenario Scenario
	options  Options
	world    *sim.World
	set      *invariants.Set
	linear   *linear.Collector
	issuers  *issuers
	verifier discovery.Verifier
	tickets  tickettest.Seen
	nodes    map[string]*node.Node // the latest of each host
	expected []string              // hosts that recover
	lag      time.Duration         // of the strategy
	versions *versions             // nil if all nodes are of one
	faults   []*active
	looks    []look // at the handles of programs
	result   Result
}

// active is a fault of the scenario with its state.
type active struct {
	fault  fault.Fault
	begun  bool
	ended  bool
	lasts  bool // while the core recovers, whatever its timing
	timing Fault
}

// Run runs a scenario in a world of its own and judges it. The error is for a
// scenario that cannot be run at all; everything else is in the result.
func Run(s Scenario, o Options) (Result, error) {
	names := make([]string, len(o.Programs))
	for i, p := range o.Programs {
		names[i] = p.Name
	}
	if err := s.Validate(names...); err != nil {
		return Result{}, err
	}
	s.Quiesce = s.Recovery()
	r := &run{scenario: s, options: o, nodes: map[string]*node.Node{}, verifier: discovery.NewWorldVerifier(4096)}
	plan, _ := explore.Parse(s.Strategy) // validated
	strategy := o.Strategy
	if strategy == nil {
		strategy = plan.New
	}
	r.world = sim.New(sim.Config{Seed: o.Seed, Budget: o.Budget, HangLimit: o.HangLimit, Buggify: s.Buggify, Strategy: strategy, Path: netsim.Path{
		Latency: netsim.Latency{Shape: netsim.Uniform, Base: s.Latency, Spread: s.Jitter}, Bandwidth: s.Bandwidth,
	}})
	for _, st := range s.Streams {
		r.world.Publish(ident.Stream(st.Name))
	}
	if s.mixed() {
		r.versions = newVersions(r)
	}
	r.result = Result{Scenario: s.Name, Seed: o.Seed, Marks: map[string]int{}}
	r.issuers = newIssuers(r.world)
	expect := r.expectations()
	expect.Lag = plan.Lag()
	r.expected, r.lag = expect.ExpectPeers, expect.Lag
	r.set = invariants.New(expect)
	r.linear = linear.NewCollector()
	r.world.Observe(r.observe)
	if o.Trace != nil {
		r.world.Trace(o.Trace)
	}
	r.play()
	if err := r.world.Close(); err != nil {
		r.violate("finally", invariants.Safety, err.Error())
	}
	r.judge()
	return r.result, nil
}

// observe is the one place that every event passes.
func (r *run) observe(e *event.Record) {
	switch e.Kind {
	case event.Mark:
		r.result.Marks[e.Text]++
	case event.AppReceived:
		r.result.Delivered++
	}
	r.set.Event(e)
	r.linear.Event(e)
	if r.options.Observe != nil {
		r.options.Observe(e)
	}
}

// play runs the phases: faults, recovery, one node that leaves, the close of all.
func (r *run) play() {
	r.boot()
	r.schedule()
	s, o := r.scenario, r.options
	if o.Until > 0 && o.Until < s.Duration {
		r.advance(o.Until)
		return
	}
	if !r.advance(s.Duration) {
		return
	}
	r.quiesce()
	end := s.Duration + s.Quiesce
	stop := end
	if o.Until > 0 {
		stop = min(o.Until, end)
	}
	if !r.calm(stop) || stop < end && r.world.Now() >= stop {
		return
	}
	r.look()
	r.set.Settle(r.world.Now())
	if r.relent() && !r.advance(r.world.Now()+bootLimit) {
		return
	}
	if !r.part() {
		return
	}
	r.close()
	r.set.Finish(r.world.Now())
	for _, m := range s.Marks {
		if r.result.Marks[m] == 0 {
			r.violate("marks", invariants.Liveness, "nothing reached "+m)
		}
	}
}

// lookEvery is how often a run looks whether all has recovered: more often than what
// invariants.Set.Recovered asks for.
const lookEvery = 500 * time.Millisecond

// calm runs the world until all has been well for a while, at most to a moment, and tells
// whether it got there.
func (r *run) calm(to time.Duration) bool {
	if r.scenario.Calm == 0 {
		return r.advance(to)
	}
	for ailing := r.world.Now(); r.world.Now() < min(to, ailing+r.scenario.Calm); {
		if !r.advance(min(r.world.Now()+lookEvery, to)) {
			return false
		}
		if !r.set.Recovered(r.world.Now()) {
			ailing = r.world.Now()
		}
	}
	return true
}

// advance runs the world, and tells whether it got there.
func (r *run) advance(to time.Duration) bool { return r.ended(r.world.Run(to)) }

// ended sorts what ended a part of the run, and tells whether to go on.
func (r *run) ended(err error) bool {
	var failure *sim.Failure
	switch {
	case err == nil:
		return true
	case errors.As(err, &failure):
		r.violate(failure.Kind, invariants.Safety, failure.Detail)
	default:
		r.result.Inconclusive = err.Error()
	}
	return false
}

func (r *run) violate(name, kind, detail string) {
	r.result.Violations = append(r.result.Violations, invariants.Violation{Invariant: name, Kind: kind, At: r.world.Now(), Detail: detail})
}

// boot starts all hosts, the first one at once and the others at random times
// within the first second, unless there is nothing random about the scenario.
func (r *run) boot() {
	env := r.world.Env()
	strand := env.Scheduler.Strand("boot")
	random := r.world.Rand("boot")
	for i, h := range r.scenario.Hosts {
		host := r.world.Host(h.Name)
		host.Configure(func(c *sim.HostConfig) { c.Endpoint = r.endpoint(h, host) })
		if h.Offset != 0 {
			host.StepClock(h.Offset)
		}
		var delay time.Duration
		if i > 0 {
			delay = random.Duration(0, 500*time.Millisecond)
		}
		env.Clock.AfterFunc(strand, delay, func() {
			if !host.Up() {
				host.Boot(r.main(h))
			}
		})
	}
}

// endpoint gives what is special about the transport of a host at each boot.
func (r *run) endpoint(h Host, host *sim.Host) func(e *netsim.EndpointConfig) {
	return func(e *netsim.EndpointConfig) {
		if size := r.scenario.Window; size > 0 {
			e.LinkWindow, e.SendBytes, e.SendMessages = size, size, size/minWindow*4
		}
		if h.upgraded(host) {
			e.VersionMax = next.VersionMax
		}
	}
}

// main is what runs on a host at each boot.
func (r *run) main(h Host) func(ctx context.Context, env *runtime.Env) {
	return func(ctx context.Context, env *runtime.Env) {
		tickets := &ticketing{issuers: r.issuers, host: h, on: r.world.Host(h.Name), world: r.world}
		host := r.world.Host(h.Name)
		config := discovery.Config{Network: host.Config().Network, Key: host.Key(), PurgeAfter: r.scenario.Purge, RTTInterval: r.scenario.Measure, Verifier: r.verifier, Tickets: tickets.issue()}
		for _, tag := range h.Tags {
			config.Tags = append(config.Tags, ident.NewTag(tag))
		}
		for _, name := range r.bootstrap(h) {
			b := r.world.Host(name) // by its own key, whatever it runs with at present
			config.Bootstrap = append(config.Bootstrap, discovery.Endpoint{Peer: b.Config().Key.PeerID(), Addrs: []string{b.Addr()}})
		}
		if r.versions != nil {
			r.versions.apply(h, env, &config)
		}
		n, err := node.New(env, node.Config{Discovery: config, CloseMax: closeMax})
		if err != nil {
			r.world.Fail("program", fmt.Sprintf("host %s: %v", h.Name, err))
			return
		}
		r.nodes[h.Name] = n
		r.obeyLeave(n, host)
		if h.tickets() {
			tickets.obey(n)
		}
		if h.Renew > 0 {
			r.start(n, "renew", 0, tickets.renew)
		}
		for i, w := range r.scenario.Workload {
			if w.Host == h.Name {
				r.start(n, fmt.Sprintf("%s/%d", w.Program, i), w.Start, r.program(w, uint64(i+1)))
			}
		}
	}
}

// obeyLeave closes a node when its host's dial asks for it.
func (r *run) obeyLeave(n *node.Node, host *sim.Host) {
	env := n.Env()
	host.Dial("leave").Subscribe(env.Scheduler.Strand("leave"), func(asked uint64) {
		if asked == 0 {
			return
		}
		env.Scheduler.Go("leave", func(ctx context.Context) {
			_ = n.Close(ctx) // what could not be delivered is in the events
			env.Mark(fault.MarkLeave)
		})
	})
}

// bootstrap gives the hosts that h begins with.
func (r *run) bootstrap(h Host) []string {
	if len(h.Bootstrap) > 0 {
		return h.Bootstrap
	}
	if first := r.scenario.Hosts[0].Name; first != h.Name {
		return []string{first}
	}
	return nil
}

// start runs a program as a task of its node.
func (r *run) start(n *node.Node, name string, after time.Duration, f func(context.Context, *node.Node) error) {
	env := n.Env()
	env.Scheduler.Go(name, func(ctx context.Context) {
		if after > 0 {
			if closing, err := pause(ctx, n, after); closing || err != nil {
				return
			}
		}
		if err := f(ctx, n); !over(err) {
			r.world.Fail("program", fmt.Sprintf("%s: %v", name, err))
		}
	})
}

// program finds what a Work runs.
func (r *run) program(w Work, id uint64) func(context.Context, *node.Node) error {
	j := job{id: id, work: w, host: r.world.Host(w.Host), world: r.world, looks: &r.looks}
	for _, st := range r.scenario.Streams {
		if st.Name == w.Stream {
			j.stream, j.validators = st, r.validators(st)
		}
	}
	switch w.Program {
	case Produce:
		return j.produce
	case Consume:
		return j.consume
	case Leave:
		return func(ctx context.Context, n *node.Node) error { return n.Close(ctx) }
	}
	i := slices.IndexFunc(r.options.Programs, func(p Program) bool { return p.Name == w.Program })
	return untilClosing(r.options.Programs[i].Start)
}

// schedule sets the timers of all faults.
func (r *run) schedule() {
	env := r.world.Env()
	strand := env.Scheduler.Strand("faults")
	for _, f := range r.scenario.Faults {
		x, err := fault.Parse(f.Fault)
		if err != nil {
			panic(err) // validated
		}
		a := &active{fault: x, timing: f}
		r.faults = append(r.faults, a)
		env.Clock.AfterFunc(strand, f.At, func() { r.begin(a) })
		if f.For > 0 {
			env.Clock.AfterFunc(strand, f.At+f.For, func() { r.end(a) })
		}
	}
}

func (r *run) begin(a *active) {
	if !a.begun {
		a.begun = true
		r.world.Report(&event.Event{Kind: event.FaultBegan, Text: a.fault.String()})
		a.fault.Begin(r.world)
	}
}

func (r *run) end(a *active) {
	if a.begun && !a.ended && !a.lasts {
		a.ended = true
		r.world.Report(&event.Event{Kind: event.FaultEnded, Text: a.fault.String()})
		a.fault.End(r.world)
	}
}

// quiesce ends the faults of the core, and lets none begin.
func (r *run) quiesce() {
	for _, a := range r.faults {
		if a.lasts = a.begun && !a.ended && r.scenario.lasting(a.fault); !a.lasts {
			r.end(a)
			a.begun, a.ended = true, true
		}
	}
	r.world.Report(&event.Event{Kind: event.Quiesced})
}

// bootLimit is within what time a host that boots again has a node to close.
const bootLimit = time.Second

// relent ends the faults that quiesce left, so that all nodes can be closed, and tells
// whether there were any.
func (r *run) relent() (any bool) {
	for _, a := range r.faults {
		any = any || a.lasts
		a.lasts = false
		r.end(a)
	}
	return any
}

// look has the programs that run tell what the status of their handles is.
func (r *run) look() {
	for _, l := range r.looks {
		if n := r.nodes[l.host]; n != nil && n.Env() == l.env && l.env == r.world.Host(l.host).Env() {
			l.tell()
		}
	}
}

// part has one of the nodes that all know leave while the others stay, long enough that
// everybody is to have heard of it, and tells whether the run goes on.
func (r *run) part() bool {
	if len(r.expected) < 2 {
		return true
	}
	name := r.expected[len(r.expected)-1]
	open := r.leave(r.world.Host(name))
	done, err := r.world.RunUntil(func() bool { return *open == 0 }, r.world.Now()+closeLimit)
	if r.ended(err) && !done {
		r.violate("finally", invariants.Liveness, fmt.Sprintf("%s after the close of %s it is not closed", closeLimit, name))
	}
	return done && r.advance(r.world.Now()+hearing+hearingTrips*(r.scenario.Latency+r.scenario.Jitter)+hearingTurns*r.lag)
}

// hearing is more than news takes where all is well, hearingTrips more than how often it
// takes the latency, and hearingTurns more than the turns in which it may wait for a strategy.
const (
	hearing      = 3 * time.Second
	hearingTrips = 15
	hearingTurns = 30
)

// leave begins to close the nodes of some hosts, in order, and counts those that are not
// closed yet.
func (r *run) leave(hosts ...*sim.Host) (open *int) {
	open = new(int)
	for _, h := range hosts {
		n := r.nodes[h.Name()]
		if n == nil || n.Env() != h.Env() {
			continue // down, or restarted and not up yet
		}
		*open++
		n.Env().Scheduler.Go("close", func(ctx context.Context) {
			_ = n.Close(ctx) // what could not be delivered is in the events
			h.StopTasks()
			*open--
		})
	}
	return open
}

// close ends all nodes at once, and looks for what they leave.
func (r *run) close() {
	open := r.leave(r.world.Hosts()...)
	limit := r.world.Now() + closeLimit
	done, err := r.world.RunUntil(func() bool { return *open == 0 && !r.pending() }, limit)
	if r.ended(err) && !done {
		r.violate("finally", invariants.Liveness, fmt.Sprintf("%s after the close of all nodes: %d are not closed;%s", closeLimit, *open, r.left()))
	}
}

// pending reports whether any host has something left.
func (r *run) pending() bool {
	return slices.ContainsFunc(r.world.Hosts(), func(h *sim.Host) bool {
		tasks, timers, strands := h.Pending()
		return tasks+timers+strands > 0
	})
}

// left describes what the hosts have not put away.
func (r *run) left() string {
	var text strings.Builder
	for _, h := range r.world.Hosts() {
		if tasks, timers, strands := h.Pending(); tasks+timers+strands > 0 {
			fmt.Fprintf(&text, " %s has %d tasks, %d timers, %d strands with work: %s;", h.Name(), tasks, timers, strands, strings.Join(h.Left(), ", "))
		}
	}
	return text.String()
}
