package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/invariants/linear"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/stream"
)

// Swarm draws a scenario from a seed: "swarm testing" (Groce et al., ISSTA
// 2012), in which each run leaves out a random part of what could happen, so
// that rare combinations are reached. It is a pure function of the seed, on a
// random stream of its own: the run's other draws do not depend on it.
func Swarm(seed uint64) Scenario {
	d := &drawing{Rand: runtime.NewRand(runtime.SeedOf(seed).Derive("swarm"))}
	d.Scenario = Scenario{
		Name:     SwarmName,
		Doc:      fmt.Sprintf("Drawn from seed %d.", seed),
		Duration: d.duration(),
		Latency:  d.latency(),
	}
	if d.Chance(600_000) {
		d.Jitter = d.Rand.Duration(time.Millisecond, 2*d.Latency+time.Millisecond).Truncate(time.Microsecond)
	}
	if d.Chance(500_000) {
		d.Purge = d.Rand.Duration(10*time.Second, 60*time.Second).Truncate(time.Millisecond)
	}
	if d.Chance(500_000) {
		d.Measure = d.Rand.Duration(minMeasure, 6*time.Second).Truncate(time.Millisecond)
	}
	d.Buggify = d.Chance(500_000)
	d.hosts()
	d.streams()
	if d.Chance(750_000) {
		d.Window = max(minWindow<<d.IntN(3), d.needed())
	}
	d.faults()
	d.lies()
	d.core()
	if d.Chance(calmChance) {
		d.Calm = d.Rand.Duration(leastCalm, mostCalm).Truncate(time.Millisecond)
	}
	d.Strategy = swarmStrategy(seed)
	return d.Scenario
}

// drawing is a scenario on its way.
type drawing struct {
	*runtime.Rand
	Scenario
}

// faultChance is the chance of each class of fault to be on, in ppm: the seeds
// in which a class is on are between 30 and 70 %.
const faultChance = 400_000

// ticketChance is the chance of tickets, and then of each class of fault that is
// only about them: its square is within the same range.
const ticketChance = 600_000

// calmChance is the chance that a recovery ends early, once all has been well for leastCalm to
// mostCalm. The other seeds take the whole of Quiesce, and find what goes wrong only later.
const (
	calmChance = 900_000
	leastCalm  = 4 * time.Second
	mostCalm   = 10 * time.Second
)

// maxContenders is how many consumers a stream with a capacity gets: a check of
// linearizability takes so many operations at once, of which one may be the end
// of a subscription.
const maxContenders = linear.MaxOpen - 1

// duration draws 10 s to 2 minutes, mostly short: what a class of faults does shows
// within seconds, and two short runs find more than a long one.
func (d *drawing) duration() time.Duration {
	most := 120 * time.Second
	for range 2 {
		most = d.Rand.Duration(10*time.Second, most)
	}
	return d.Rand.Duration(10*time.Second, most).Truncate(time.Millisecond)
}

// size draws 2 to 12 hosts, mostly few: what hosts cost grows with their square.
func (d *drawing) size() int {
	if d.Chance(700_000) {
		return 4 + d.IntN(3)
	}
	return 2 + d.IntN(11)
}

// latency draws a local, a regional or a worldwide network.
func (d *drawing) latency() time.Duration {
	ranges := [][2]time.Duration{{100 * time.Microsecond, 2 * time.Millisecond}, {2 * time.Millisecond, 20 * time.Millisecond}, {20 * time.Millisecond, 150 * time.Millisecond}}
	r := ranges[d.IntN(len(ranges))]
	return d.Rand.Duration(r[0], r[1]).Truncate(time.Microsecond)
}

func (d *drawing) hosts() {
	tickets := d.Chance(ticketChance)
	offsets, tokens := d.Chance(faultChance), d.Chance(500_000)
	for i := range d.size() {
		h := Host{Name: fmt.Sprintf("h%d", i+1)}
		if i > 1 && d.Chance(300_000) {
			h.Bootstrap = []string{fmt.Sprintf("h%d", 1+d.IntN(i))}
		}
		if offsets && d.Chance(500_000) {
			h.Offset = d.Rand.Duration(-20*time.Second, 20*time.Second).Truncate(time.Millisecond)
		}
		if tickets && d.Chance(800_000) {
			h.Ticket = d.Rand.Duration(5*time.Second, d.Scenario.Duration).Truncate(time.Millisecond)
			if d.Chance(500_000) {
				h.Renew = d.Rand.Duration(h.Ticket/4, h.Ticket*5/4).Truncate(time.Millisecond)
			}
			if d.Chance(500_000) {
				h.Second = d.Rand.Duration(h.Ticket/2, 2*h.Ticket).Truncate(time.Millisecond)
			}
			if tokens && d.Chance(800_000) {
				h.Token = d.Rand.Duration(5*time.Second, d.Scenario.Duration).Truncate(time.Millisecond)
			}
		}
		if d.Chance(500_000) {
			h.Tags = []string{"gold"}
		}
		d.Hosts = append(d.Hosts, h)
	}
}

func (d *drawing) anyHost() string { return d.Hosts[d.IntN(len(d.Hosts))].Name }

func (d *drawing) streams() {
	ticketed, tokens := false, false
	for _, h := range d.Hosts {
		ticketed, tokens = ticketed || h.Ticket > 0, tokens || h.Token > 0
	}
	stalls := d.Chance(faultChance)
	for i := range 1 + d.IntN(4) {
		st := Stream{Name: fmt.Sprintf("s%d", i+1)}
		switch d.IntN(6) {
		case 0, 1:
			st.Lag = stream.Block.String()
			st.BlockMax = d.Rand.Duration(time.Second, 30*time.Second).Truncate(time.Millisecond)
			if d.Chance(400_000) { // less than some consumers take for a datum
				st.DrainMax = d.Rand.Duration(time.Second, stream.DefaultDrainMax).Truncate(time.Millisecond)
			}
		case 2:
			st.Lag = stream.DropNewest.String()
		case 3:
			st.Lag = stream.DropOldest.String()
		}
		if d.Chance(800_000) {
			st.Queue = 2 << d.IntN(5)
		}
		if d.Chance(300_000) {
			st.MaxConsumers = 1 + d.IntN(4)
		}
		if d.Chance(500_000) {
			st.PerPeer = 1 + d.IntN(4)
		}
		st.AlwaysOnline = d.Chance(300_000)
		st.Tickets = ticketed && d.Chance(500_000)
		if st.Tickets {
			st.Second, st.Mutual, st.Lenient = d.Chance(300_000), d.Chance(500_000), d.Chance(300_000)
		}
		if tokens && d.Chance(500_000) {
			st.Tokens = true
			if d.Chance(500_000) {
				st.MaxAge = d.Rand.Duration(5*time.Second, 30*time.Second).Truncate(time.Second)
			}
		}
		if d.Chance(200_000) {
			st.Tag = "gold"
		}
		if d.Chance(250_000) {
			st.RTTBelow = d.near()
		}
		d.Streams = append(d.Streams, st)
		d.work(st, stalls)
	}
}

// leastPause is the shortest pause of a producer that is not in a hurry.
const leastPause = 100 * time.Millisecond

// work puts one to three producers and some consumers of a stream on hosts.
func (d *drawing) work(st Stream, stalls bool) {
	order := make([]int, len(d.Hosts))
	for i := range order {
		order[i] = i
	}
	d.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	producers := min(1+d.IntN(3), len(order)-1)
	queue := st.Queue
	if queue == 0 {
		queue = 1024
	}
	for _, i := range order[:producers] {
		w := Work{Host: d.Hosts[i].Name, Program: Produce, Stream: st.Name, Size: 1 << (5 + d.IntN(7))}
		w.Every = d.Rand.Duration(leastPause, 2*time.Second).Truncate(time.Millisecond)
		if d.Chance(300_000) {
			w.Burst = 2 + d.IntN(min(30, queue/2))
			w.Every = min(maxPause, w.Every*time.Duration(1+w.Burst/4))
		}
		if d.Chance(200_000) {
			w.Count = 20 + d.IntN(100)
			if d.Chance(500_000) { // it closes with much on its way, and maybe before anything is wrong
				w.Every = d.Rand.Duration(2*time.Millisecond, 50*time.Millisecond).Truncate(time.Millisecond)
				w.Burst = 1 + d.IntN(max(1, min(30, queue/2)))
			}
			if d.Chance(400_000) {
				w.Rounds = 2 + d.IntN(6)
				w.Count = 1 + w.Count/w.Rounds
			}
		}
		d.Workload = append(d.Workload, w)
	}
	consumers := order[producers:]
	if d.Chance(250_000) {
		consumers = append(consumers, order[0]) // which hears itself, and the other producers
	}
	if st.MaxConsumers > 0 {
		consumers = consumers[:min(len(consumers), maxContenders)]
	}
	for i, c := range consumers {
		if i > 0 && !d.Chance(800_000) {
			continue
		}
		w := Work{Host: d.Hosts[c].Name, Program: Consume, Stream: st.Name}
		if d.Chance(200_000) {
			w.Start = d.Rand.Duration(0, d.Scenario.Duration/2).Truncate(time.Millisecond)
		}
		if d.Chance(700_000) {
			w.Queue = 1 << d.IntN(6)
		}
		if d.Chance(250_000) {
			w.Criteria = d.criteria()
		}
		if d.Chance(150_000) {
			w.RTTBelow = d.near()
		}
		if stalls && d.Chance(400_000) {
			w.StallAt = d.Rand.Duration(0, d.Scenario.Duration/2).Truncate(time.Millisecond)
			w.StallFor = d.Rand.Duration(time.Second, d.Scenario.Duration/2).Truncate(time.Millisecond)
		}
		if stalls && d.Chance(200_000) {
			most := 100 * time.Millisecond
			if d.Chance(500_000) {
				most = 3 * time.Second // longer than some producers block for one that takes nothing
			}
			w.Takes = d.Rand.Duration(time.Millisecond, most).Truncate(time.Millisecond)
		}
		d.Workload = append(d.Workload, w)
	}
}

// near draws a limit of the round trip, under which nobody is, or all are.
func (d *drawing) near() time.Duration {
	least := 2*d.Latency + 2*d.Jitter
	near := d.Rand.Duration(least, least+4*d.Latency)
	if d.Chance(300_000) {
		near = d.Latency + (near-least)/4
	}
	return max(near.Truncate(time.Microsecond), time.Microsecond)
}

// criteria draws what a consumer wants: something, nearly everything, or what errs
// on every datum.
func (d *drawing) criteria() string {
	list := []string{`kind == "a"`, `kind != "b" && index > 20`, `oneOf(kind, "b", "c") || size > 100`, `missing > 1 || kind == "a"`, `index >= 0`}
	return list[d.IntN(len(list))]
}

// worker draws a host that runs a program.
func (d *drawing) worker(program string) string {
	var hosts []string
	for _, w := range d.Workload {
		if w.Program == program {
			hosts = append(hosts, w.Host)
		}
	}
	return hosts[d.IntN(len(hosts))]
}

// maxPause is the most between two bursts: less than half of what a datum may take in
// the end, so that a stream that is well shows it.
const maxPause = 4 * time.Second

// maxRush is how long a fault lasts that multiplies what is sent: it fills every
// queue in less, and the rest only costs time.
const maxRush = 5 * time.Second

// ticketFaults lists the classes of faults of tickets, for hosts that have some: whether they
// consume or produce.
func (d *drawing) ticketFaults() []func() string {
	holder := func() string { names := d.holders(); return names[d.IntN(len(names))] }
	return []func() string{
		func() string { return "revoke " + holder() },
		func() string { return "withhold " + holder() },
		func() string { return "renew " + holder() },
		func() string { return "brink " + holder() },
		func() string {
			by := []time.Duration{-time.Second, -time.Millisecond, -1, 0, 1, time.Millisecond, time.Second, 3 * time.Second}
			return fmt.Sprintf("lapse %s %s", holder(), by[d.IntN(len(by))])
		},
		func() string {
			name := holder()
			for {
				if other := d.anyHost(); other != name {
					return "steal " + name + " " + other
				}
			}
		},
	}
}

// holders lists the hosts with tickets.
func (d *drawing) holders() (names []string) {
	for _, h := range d.Hosts {
		if h.Ticket > 0 {
			names = append(names, h.Name)
		}
	}
	return names
}

// faults draws which classes are on, then how often each strikes.
func (d *drawing) faults() {
	classes := []func() string{
		func() string { a, b := d.halves(); return "partition " + a + " | " + b },
		func() string { a, b := d.halves(); return "cut " + a + " -> " + b },
		func() string { return "isolate " + d.anyHost() },
		func() string { return "crash " + d.anyHost() },
		func() string { a, b := d.halves(); return "hold " + a + " -> " + b },
		func() string {
			a, b := d.halves()
			return fmt.Sprintf("slow %s -> %s %s", a, b, d.Rand.Duration(10*time.Millisecond, 800*time.Millisecond).Truncate(time.Millisecond))
		},
		func() string {
			a, b := d.halves()
			return fmt.Sprintf("loss %s -> %s %dppm", a, b, 1000+d.IntN(200_000))
		},
		func() string { a, b := d.two(); return "reset " + a + " | " + b },
		func() string {
			return fmt.Sprintf("step %s %s", d.anyHost(), d.Rand.Duration(-30*time.Second, 30*time.Second).Truncate(time.Millisecond))
		},
		func() string {
			return fmt.Sprintf("offset %s %s", d.anyHost(), d.Rand.Duration(-30*time.Second, 30*time.Second).Truncate(time.Millisecond))
		},
		func() string { return "restart " + d.anyHost() },
		func() string { return "stall " + d.worker(Consume) },
		func() string {
			return fmt.Sprintf("crawl %s %s", d.worker(Consume), d.Rand.Duration(time.Millisecond, 100*time.Millisecond).Truncate(time.Millisecond))
		},
		func() string {
			return fmt.Sprintf("gulp %s %s", d.worker(Consume), d.Rand.Duration(50*time.Millisecond, 5*time.Second).Truncate(time.Millisecond))
		},
		func() string { return "leave " + d.anyHost() },
		func() string { a, b := d.two(); return "twin " + a + " " + b },
		func() string { return "spoil " + d.worker(Produce) },
		func() string { return "pause " + d.anyHost() },
		func() string {
			ppm := 1 + d.IntN(50_000)
			if d.Chance(500_000) {
				ppm = -ppm
			}
			return fmt.Sprintf("drift %s %dppm", d.anyHost(), ppm)
		},
		func() string { return fmt.Sprintf("flood %s %d", d.worker(Produce), 2<<d.IntN(6)) },
		func() string { return fmt.Sprintf("bulk %s %d", d.worker(Produce), 1024<<d.IntN(7)) },
		func() string { return "panic " + d.worker(Produce) },
		func() string {
			return fmt.Sprintf("busy %s %s", d.anyHost(), d.Rand.Duration(10*time.Microsecond, 10*time.Millisecond).Truncate(time.Microsecond))
		},
	}
	var on []func() string
	for _, c := range classes {
		if d.Chance(faultChance) {
			on = append(on, c)
		}
	}
	for _, c := range d.ticketFaults() {
		if d.Chance(ticketChance) && len(d.holders()) > 0 {
			on = append(on, c)
		}
	}
	for _, c := range slices.Concat(d.partial(), d.lines(), d.disks()) {
		if d.Chance(faultChance) {
			on = append(on, c)
		}
	}
	for _, c := range on {
		for range 1 + d.IntN(3) {
			f := d.strike(c(), 40*time.Second)
			if rush(f.Fault) {
				f.For = min(f.For, maxRush)
			}
			d.Faults = append(d.Faults, f)
		}
	}
}

// strike draws when a fault happens and for how long, at most so long.
func (d *drawing) strike(text string, most time.Duration) Fault {
	f := Fault{Fault: text, At: d.Rand.Duration(time.Second, d.Scenario.Duration).Truncate(time.Millisecond)}
	f.For = d.Rand.Duration(100*time.Millisecond, min(most, d.Scenario.Duration/2)).Truncate(time.Millisecond)
	return f
}

// partial lists the classes of faults of a network that is neither whole nor in two.
func (d *drawing) partial() []func() string {
	period := func() time.Duration {
		return d.Rand.Duration(20*time.Millisecond, 10*time.Second).Truncate(time.Millisecond)
	}
	list := []func() string{
		func() string { a, b := d.halves(); return fmt.Sprintf("flap %s | %s %s", a, b, period()) },
		func() string { a, _ := d.halves(); return fmt.Sprintf("swizzle %s %s", a, period()) },
	}
	if len(d.Hosts) >= 3 {
		list = append(list, func() string {
			names := d.shuffled()
			x := 1 + d.IntN(len(names)-2)
			y := x + 1 + d.IntN(len(names)-x-1)
			return "bridge " + strings.Join(names[:x], ",") + " | " + strings.Join(names[x:y], ",") + " | " + strings.Join(names[y:], ",")
		})
	}
	if len(d.Hosts) >= 4 {
		list = append(list, func() string { return "ring " + strings.Join(d.shuffled(), ",") })
	}
	return list
}

// shuffled gives the names of all hosts in a drawn order.
func (d *drawing) shuffled() (names []string) {
	for _, h := range d.Hosts {
		names = append(names, h.Name)
	}
	for i := range names {
		j := i + d.IntN(len(names)-i)
		names[i], names[j] = names[j], names[i]
	}
	return names
}

// two draws two different hosts.
func (d *drawing) two() (a, b string) {
	i := d.IntN(len(d.Hosts))
	j := d.IntN(len(d.Hosts) - 1)
	if j >= i {
		j++
	}
	return d.Hosts[i].Name, d.Hosts[j].Name
}

// halves splits the hosts in two sets that are not empty, and may leave some
// out.
func (d *drawing) halves() (a, b string) {
	x, y := d.two()
	left, right := []string{x}, []string{y}
	for _, h := range d.Hosts {
		if h.Name == x || h.Name == y {
			continue
		}
		switch d.IntN(3) {
		case 0:
			left = append(left, h.Name)
		case 1:
			right = append(right, h.Name)
		}
	}
	return strings.Join(left, ","), strings.Join(right, ",")
}

// SwarmOf is Swarm for programs of the caller's: each runs on at least one host, and all
// on hosts that are not Byzantine; there is no other workload, and nothing is expected
// but what they check themselves.
func SwarmOf(seed uint64, programs []string) Scenario {
	s := Swarm(seed)
	s.Streams, s.Workload = nil, nil
	liars := s.attackers()
	honest := slices.DeleteFunc(slices.Clone(s.Hosts), func(h Host) bool { return slices.Contains(liars, h.Name) })
	for i := range max(len(honest), len(programs)) {
		s.Workload = append(s.Workload, Work{Host: honest[i%len(honest)].Name, Program: programs[i%len(programs)]})
	}
	return s
}
