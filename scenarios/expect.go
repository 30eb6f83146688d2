package scenarios

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/sim/fault"
)

// flowBound is within what time a datum reaches a consumer of a healed world:
// far more than its latency and queues, far less than a reconnect.
const flowBound = 10 * time.Second

// expectations derives from a scenario what must come back after the faults:
// every subscription that nothing forbids.
func (r *run) expectations() invariants.Options {
	s := r.scenario
	// A producer with a Count closes after it and is not waited for.
	o := invariants.Options{Reconnect: s.Quiesce * 3 / 4, Catalogs: s.Quiesce * 3 / 4, Flow: min(flowBound, s.Quiesce/4), PanicsWith: fault.PanicText, Match: matcher()}
	o.Byzantine, o.Addrs = s.attackers(), map[string]string{}
	for _, h := range s.Hosts {
		o.Addrs[r.world.Host(h.Name).Addr()] = h.Name
	}
	lies := func(host string) bool {
		return slices.Contains(o.Byzantine, host) || !s.recovers(host) || s.compromised(host, o.Byzantine)
	}
	o.TombstoneTTL, o.PurgeAfter, o.Latency = s.Purge, s.Purge, s.Latency+s.Jitter
	o.BlockMax, o.Drains = map[ident.StreamID]time.Duration{}, map[ident.StreamID]time.Duration{}
	for _, st := range s.Streams {
		if st.Lag == stream.Block.String() {
			o.BlockMax[ident.Stream(st.Name)] = cmp.Or(st.BlockMax, stream.DefaultBlockMax)
		}
		if st.DrainMax > 0 {
			o.Drains[ident.Stream(st.Name)] = st.DrainMax
		}
		o.Demands = append(o.Demands, st.demands()...)
		o.Never = append(o.Never, s.forbidden(st)...)
	}
	o.RTTBelow = s.limits()
	if !s.Buggify { // which has nodes refuse exchanges, and ends told late
		o.SyncInterval, o.Stop = discovery.DefaultSyncInterval, stopMax
	}
	if !s.clocksAgree(o.Catalogs) {
		return o
	}
	for _, h := range s.Hosts {
		if !s.leaves(h.Name) && !lies(h.Name) {
			o.ExpectPeers = append(o.ExpectPeers, h.Name)
		}
	}
	for _, st := range s.Streams {
		for _, c := range s.Workload {
			if c.Program != Consume || c.Stream != st.Name || lies(c.Host) || !s.returns(st, c) {
				continue
			}
			for _, p := range s.Workload {
				if p.Program == Produce && p.Stream == st.Name && p.Count == 0 && !s.leaves(p.Host) && !lies(p.Host) && (!st.Mutual || s.ticketed(st, p.Host)) {
					o.Expect = append(o.Expect, invariants.Pair{Consumer: c.Host, Producer: p.Host, Stream: ident.Stream(st.Name)})
				}
			}
		}
	}
	if slices.ContainsFunc(s.Workload, func(w Work) bool { return w.Takes > 0 || w.StallFor > 0 }) {
		o.Flow = 0 // a slow consumer takes its time, and under Block everybody's
	}
	if len(s.Core) > 0 && slices.ContainsFunc(s.Streams, func(st Stream) bool { return st.Lag == stream.Block.String() }) {
		o.Flow = 0 // who does not recover holds up everybody
	}
	if o.Flow > 0 && !slices.ContainsFunc(s.Workload, func(w Work) bool { return w.Program == Produce && 2*w.Every > o.Flow }) {
		o.Sends = o.Flow
	}
	if s.Window > 0 && slices.ContainsFunc(s.Faults, func(f Fault) bool { return rush(f.Fault) }) {
		o.Flow = 0 // what such a fault leaves behind takes its time through a small window
	}
	return o
}

// stopMax is how long the farewell of a node may take besides what is under way, and is less
// than the time-outs of its steps.
const stopMax = 250 * time.Millisecond

// entryDrift is how far ahead of its clock a node takes entries of others: the
// default of discovery.Config.MaxDrift. clockSlack is for what is under way when
// the bounds of liveness pass.
const (
	entryDrift = 50 * time.Second
	clockSlack = 5 * time.Second
)

// clocksAgree tells whether the faults leave clocks between which entries pass.
// An entry has the time of its host, and is refused where that lies too far
// ahead: by hosts whose clocks stay behind, and for a while by all others if
// the host's clock was ahead once. bound is how long everything has to recover.
func (s Scenario) clocksAgree(bound time.Duration) bool {
	low, high, highest := time.Duration(math.MaxInt64), time.Duration(math.MinInt64), time.Duration(math.MinInt64)
	for _, h := range s.Hosts {
		if !s.recovers(h.Name) {
			continue
		}
		at := s.clockOf(h)
		low, high, highest = min(low, at.end-at.drift), max(high, at.end+at.drift), max(highest, at.most+at.drift)
	}
	return high-low < entryDrift-clockSlack && highest-low < entryDrift+bound-clockSlack
}

// clockError is by how much a clock is wrong: at the end of the faults, and at
// most before, both give or take its drift.
type clockError struct{ end, most, drift time.Duration }

func (s Scenario) clockOf(h Host) clockError {
	e := clockError{end: h.Offset, most: h.Offset}
	for _, f := range s.Faults {
		x, err := fault.Parse(f.Fault)
		if err != nil || f.At > s.Duration || !slices.Contains(x.Hosts(), h.Name) {
			continue
		}
		switch x := x.(type) {
		case fault.Step:
			e.end += x.By
			e.most += max(0, x.By)
		case fault.Offset:
			e.most += max(0, x.By)
		case fault.Drift:
			e.drift += s.drifts(f, x)
		}
	}
	return e
}

// drifts is how much a clock gains or loses by a drift, at most.
func (s Scenario) drifts(f Fault, x fault.Drift) time.Duration {
	return s.lasts(f) / 1_000_000 * time.Duration(max(x.PPM, -x.PPM))
}

// returns tells whether a consumer must be subscribed in the end: it is up, it
// has the right and the right does not end, there is room for it, and it reads.
func (s Scenario) returns(st Stream, c Work) bool {
	host := s.Hosts[slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == c.Host })]
	consumers := 0
	for _, w := range s.Workload {
		if w.Program == Consume && w.Stream == st.Name {
			consumers++
		}
	}
	switch {
	case s.leaves(c.Host):
		return false
	case st.MaxConsumers > 0 && (consumers > st.MaxConsumers || s.besieged()):
		return false // who gets a place is open
	case st.Tag != "" && !slices.Contains(host.Tags, st.Tag):
		return false
	case !s.ticketed(st, c.Host):
		return false
	case st.RTTBelow > 0 || c.RTTBelow > 0:
		return false // the path decides
	case c.Takes > 0:
		return false // it may be cut for being slow again and again
	case c.Start+c.StallAt+c.StallFor > s.Duration:
		return false
	case c.StallFor > 0 && s.crashes(c.Host):
		return false // it stalls again after each boot
	case c.Start > 0 && s.crashes(c.Host):
		return false
	}
	return true
}

// ticketed tells whether a host always has what a stream asks for.
func (s Scenario) ticketed(st Stream, name string) bool {
	h := s.Hosts[slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == name })]
	for _, d := range st.demands() {
		valid := map[int64]time.Duration{firstIssuer: h.Ticket, secondIssuer: h.Second, tokenIssuer: h.Token}[d.Issuer]
		if d.MaxAge > 0 {
			valid = min(valid, d.MaxAge)
		}
		skew := s.skew()
		if h.Renew == 0 || valid-h.Renew <= skew+5*time.Second || d.Issuer == tokenIssuer && skew >= tokenLeeway {
			return false
		}
	}
	return true
}

// skew is by how much a clock may be wrong, at most.
func (s Scenario) skew() (skew time.Duration) {
	for _, other := range s.Hosts {
		skew = max(skew, other.Offset.Abs())
	}
	for _, f := range s.Faults {
		if x, err := fault.Parse(f.Fault); err == nil {
			switch x := x.(type) {
			case fault.Step:
				skew += x.By.Abs()
			case fault.Offset:
				skew += x.By.Abs()
			case fault.Drift:
				skew += s.drifts(f, x)
			}
		}
	}
	return skew
}

// limits lists who serves, or consumes from, near peers only.
func (s Scenario) limits() map[invariants.Side]time.Duration {
	limits := map[invariants.Side]time.Duration{}
	for _, w := range s.Workload {
		limit := w.RTTBelow
		if w.Program == Produce {
			limit = s.Streams[slices.IndexFunc(s.Streams, func(st Stream) bool { return st.Name == w.Stream })].RTTBelow
		}
		if limit > 0 {
			limits[invariants.Side{Host: w.Host, Stream: ident.Stream(w.Stream), Consumer: w.Program == Consume}] = limit
		}
	}
	return limits
}

// forbidden lists who must never be admitted to a stream, because it lacks a tag, has no
// ticket at any time or is always too far away. Who has the key of another host for a while
// is not judged.
func (s Scenario) forbidden(st Stream) (pairs []invariants.Pair) {
	for _, p := range s.Workload {
		if p.Program != Produce || p.Stream != st.Name || s.twinned(p.Host) {
			continue
		}
		for _, h := range s.Hosts {
			lacks := st.Tag != "" && !slices.Contains(h.Tags, st.Tag) || st.Tickets && h.Ticket == 0 || st.Second && h.Second == 0 || st.Tokens && h.Token == 0 || st.RTTBelow > 0 && 2*s.Latency >= st.RTTBelow
			if lacks && h.Name != p.Host && !s.twinned(h.Name) {
				pairs = append(pairs, invariants.Pair{Consumer: h.Name, Producer: p.Host, Stream: ident.Stream(st.Name)})
			}
		}
	}
	return pairs
}

// compromised tells whether a host shared its key with a liar.
func (s Scenario) compromised(host string, liars []string) bool {
	return s.struck(func(x fault.Fault) bool {
		return slices.Contains(x.Hosts(), host) && slices.ContainsFunc(x.Hosts(), func(h string) bool { return slices.Contains(liars, h) })
	}, "twin")
}

// twinned tells whether a host has the key of another, or another its, for a while.
func (s Scenario) twinned(host string) bool {
	return s.struck(func(x fault.Fault) bool { return slices.Contains(x.Hosts(), host) }, "twin")
}

// struck tells whether one of the faults, of these classes, is such a one.
func (s Scenario) struck(by func(fault.Fault) bool, classes ...string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool {
		if !slices.Contains(classes, fault.ClassOf(f.Fault)) {
			return false
		}
		x, err := fault.Parse(f.Fault)
		return err == nil && by(x)
	})
}

// attackers lists the hosts that a Byzantine fault strikes, whenever it does: what they
// told others meanwhile may last.
func (s Scenario) attackers() (names []string) {
	for _, f := range s.Faults {
		x, err := fault.Parse(f.Fault)
		if a, ok := x.(fault.Attacker); err == nil && ok && !slices.Contains(names, a.Attacker()) {
			names = append(names, a.Attacker())
		}
	}
	return names
}

// rush tells whether a fault multiplies what is sent.
func rush(text string) bool {
	return slices.Contains([]string{"flood", "bulk"}, fault.ClassOf(text))
}

// lasts is how long a fault lasts at most.
func (s Scenario) lasts(f Fault) time.Duration {
	left := max(0, s.Duration-f.At)
	if f.For > 0 {
		return min(left, f.For)
	}
	return left
}

// leaves tells whether a host's node closes during the run.
func (s Scenario) leaves(host string) bool {
	return slices.ContainsFunc(s.Workload, func(w Work) bool { return w.Program == Leave && w.Host == host })
}

// crashes tells whether a fault may have a host boot again.
func (s Scenario) crashes(host string) bool {
	return s.struck(func(x fault.Fault) bool { return slices.Contains(x.Hosts(), host) }, "corrupt", "crash", "leave", "powercut", "restart", "twin")
}
