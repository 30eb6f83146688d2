package netsim

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Rule is what a fault does to paths for a while, on top of what they are. Rules
// on one path add up; of those with a bandwidth, the smallest counts.
type Rule struct {
	// Name tells the draws of one rule from those of others on the same path.
	Name string
	// Latency is added to the path's; its Base may be 0.
	Latency Latency
	// Bandwidth, if not 0, is the most of the path, in bytes per second, and
	// Queue bounds what waits for it, as in Path.
	Bandwidth int64
	Queue     int
	// Burst and Gap, if not 0, are the mean lengths of times in which BurstLoss
	// of all frames is lost, and of those between: the model of Gilbert and
	// Elliott, in continuous time. A time of loss comes first.
	Burst, Gap time.Duration
	// Bitten counts the frames that came later for this rule.
	Bitten uint64
}

// BurstLoss is the chance of a frame to be lost in a burst, in ppm.
const BurstLoss = 750_000

// imposed is a rule on one path.
type imposed struct {
	*Rule
	key   uint64
	turn  uint64 // how many times of loss and without have begun
	until int64  // when the present one ends
}

// Impose puts a rule on the path from one host to another, one way, until Lift.
func (n *Network) Impose(from, to string, r *Rule) {
	d := n.way(n.host(from), n.host(to))
	d.rules = append(d.rules, &imposed{Rule: r, key: keyOfText(d.key, r.Name), until: n.now()})
}

// Lift takes a rule off a path; one that is not there does nothing. As after SetPath, what
// is under way keeps its time of arrival; what was lost is sent again at the next time-out,
// and what waits for the line goes as that is now.
func (n *Network) Lift(from, to string, r *Rule) {
	d := n.way(n.host(from), n.host(to))
	if i := slices.IndexFunc(d.rules, func(x *imposed) bool { return x.Rule == r }); i >= 0 {
		d.change(func() { d.rules = slices.Delete(d.rules, i, i+1) })
	}
}

// change changes what the direction is like, and has what would arrive sooner now do so.
func (d *direction) change(f func()) {
	was, _, _ := d.line()
	f()
	is, _, _ := d.line()
	now := d.n.now()
	leaves := func(left int64) int64 {
		switch {
		case left <= now || was == 0 || is != 0 && is <= was:
			return left
		case is == 0:
			return now
		}
		high, low := bits.Mul64(uint64(left-now), uint64(was))
		wait, _ := bits.Div64(min(high, uint64(is)-1), low, uint64(is))
		return min(left, now+int64(min(wait, math.MaxInt64/2)))
	}
	d.free = leaves(d.free)
	late := d.late
	d.late = nil
	for _, ln := range late {
		ln.late = false
		ln.redraw(leaves)
	}
	d.room()
}

// addLate notes a lane of which something may arrive sooner after a change.
func (d *direction) addLate(ln *lane) {
	if ln.late {
		return
	}
	if len(d.late) == cap(d.late) {
		d.late = slices.DeleteFunc(d.late, func(other *lane) bool {
			other.late = !other.empty()
			return !other.late
		})
	}
	ln.late = true
	d.late = append(d.late, ln)
}

// Bursting tells whether a rule loses in a burst, now, from one host to another.
func (n *Network) Bursting(from, to string) bool {
	now := n.now()
	_, by := n.way(n.host(from), n.host(to)).lossAt(now, now)
	return by != nil
}

// latency turns 64 random bits into a delay of the path and its rules, in ns.
func (d *direction) latency(u uint64) int64 {
	delay := d.path.Latency.delay(u)
	for _, x := range d.rules {
		if more := x.Latency.delay(mix(u, x.key)); more > 0 {
			x.Bitten++
			delay += more
		}
	}
	return delay
}

// typical and deviation are those of the path's latency and its rules'.
func (d *direction) typical() int64 {
	t := d.path.Latency.typical()
	for _, x := range d.rules {
		t += x.Latency.typical()
	}
	return t
}

func (d *direction) deviation() int64 {
	t := d.path.Latency.deviation()
	for _, x := range d.rules {
		t += x.Latency.deviation()
	}
	return t
}

// line gives the bandwidth of the path, 0 for unlimited, the size of its queue,
// and the rule that says so, if one does.
func (d *direction) line() (bandwidth int64, queue int, by *Rule) {
	bandwidth, queue = d.path.Bandwidth, d.path.Queue
	for _, x := range d.rules {
		if x.Bandwidth > 0 && (bandwidth == 0 || x.Bandwidth < bandwidth) {
			bandwidth, queue, by = x.Bandwidth, x.Queue, x.Rule
			if queue == 0 {
				queue = DefaultQueue
			}
		}
	}
	return bandwidth, queue, by
}

// lossAt is the chance of a frame that is sent at a time, now or later, to be
// lost, in ppm. by is a rule to blame, if there is one.
func (d *direction) lossAt(now, at int64) (ppm int64, by *Rule) {
	ppm = int64(d.path.LossPPM)
	for _, x := range d.rules {
		if x.Burst > 0 && x.bursting(now, at) {
			ppm, by = ppm+BurstLoss, x.Rule
		}
	}
	return min(ppm, MaxLoss), by
}

// bursting tells whether there is a time of loss at a time, now or later. It
// depends on the key and the time alone, not on what was asked before.
func (x *imposed) bursting(now, at int64) bool {
	for x.until <= now {
		x.turn++
		x.until += x.lasts(x.turn)
	}
	turn := x.turn
	for until := x.until; until <= at; until += x.lasts(turn) {
		turn++
	}
	return turn%2 == 1
}

// lasts is how long a turn takes: exponential, at least a nanosecond.
func (x *imposed) lasts(turn uint64) int64 {
	mean := x.Gap
	if turn%2 == 1 {
		mean = x.Burst
	}
	return 1 + scaled(&exponential, mix(x.key, turn), int64(mean))
}
