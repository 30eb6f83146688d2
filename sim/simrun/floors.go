package simrun

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
	"github.com/spf13/cobra"
)

// The floors: what a run of seeds that is worth its time needs of the kernel and
// of the data path with its checks, on one core of a machine of 2026.
const (
	kernelFloor = 4_000_000 // steps a second
	fanoutFloor = 100 * time.Millisecond
)

// rounds is how often a speed is measured; the median is reported, since other
// processes only ever make a round slower. maxRounds bounds what may be asked for.
const (
	rounds    = 5
	maxRounds = 100
)

// The kernel's measurement: so many timers are pending at all times, on so many
// strands, and each does nothing but arm itself again.
const (
	kernelTimers  = 1000
	kernelStrands = 10
	kernelSteps   = 2_000_000 // of a round
)

// The fan-out's measurement.
const (
	fanoutConsumers = 9
	fanoutEvery     = 10 * time.Millisecond
	fanoutSize      = 128 // bytes
	fanoutCount     = 6000
)

// floorReport is a line of bench kernel or bench fanout --json.
type floorReport struct {
	Bench      string       `json:"bench"`
	Rounds     int          `json:"rounds"`
	Median     int64        `json:"median_ns"` // of a round
	Steps      uint64       `json:"steps"`     // of a round
	StepsPerS  uint64       `json:"steps_per_s"`
	Allocs     uint64       `json:"allocs"` // of a round
	Deliveries int64        `json:"deliveries"`
	Hash       string       `json:"hash"`
	Floor      int64        `json:"floor"` // steps a second, or ns of a round
	Met        bool         `json:"met"`
	Machine    wall.Machine `json:"machine"`
}

// round is what one round of a measurement did.
type round struct {
	took          time.Duration
	steps, allocs uint64
	delivered     int64
	hash          uint64
}

func (a *app) benchFloor(name, short, long string, measure func(seed uint64) (round, error), met func(*floorReport)) *cobra.Command {
	times := rounds
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  long,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if times < 1 || times > maxRounds {
				return fmt.Errorf("--rounds %d: want 1 to %d", times, maxRounds)
			}
			r, err := median(uint64(a.seed), times, measure)
			if err != nil {
				return &toolError{err}
			}
			r.Bench = name
			met(&r)
			if a.json {
				return a.emit(r)
			}
			m := r.Machine
			fmt.Fprintf(a.out, "%s, %d cores, %d of them used, %s %s/%s\n", m.CPU, m.Cores, m.Procs, m.Go, m.OS, m.Arch)
			a.floorText(r)
			return nil
		},
	}
	a.seed = 1
	c.Flags().Var(&a.seed, "seed", "the run")
	c.Flags().IntVar(&times, "rounds", rounds, "how often it is measured; the median counts")
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON object and nothing else")
	return c
}

func (a *app) floorText(r floorReport) {
	verdict := "met"
	if !r.Met {
		verdict = "missed"
	}
	fmt.Fprintf(a.out, "%s: %s a round (median of %d), %d steps, %d steps/s, %s allocations a step", r.Bench, time.Duration(r.Median).Round(100*time.Microsecond), r.Rounds, r.Steps, r.StepsPerS, hundredths(r.Allocs, r.Steps))
	if r.Deliveries > 0 {
		fmt.Fprintf(a.out, ", %d deliveries; floor %s, %s\n", r.Deliveries, time.Duration(r.Floor), verdict)
		return
	}
	fmt.Fprintf(a.out, "; floor %d steps/s, %s\n", r.Floor, verdict)
}

// hundredths prints n/of with two decimals, rounded down.
func hundredths(n, of uint64) string {
	x := 100 * n / max(1, of)
	return fmt.Sprintf("%d.%02d", x/100, x%100)
}

func (a *app) benchKernel() *cobra.Command {
	return a.benchFloor("kernel", "Measure how many steps the kernel makes a second",
		fmt.Sprintf(`Measures steps of the kernel with %d pending timers on %d strands, whose work is nothing
but to arm them again, with the hash on. The floor is %d steps a second on one core, and no allocation.`, kernelTimers, kernelStrands, kernelFloor),
		kernelRound, func(r *floorReport) {
			r.Floor = kernelFloor
			r.Met = r.StepsPerS >= kernelFloor && r.Allocs*1000 < r.Steps
		})
}

func (a *app) benchFanout() *cobra.Command {
	return a.benchFloor("fanout", "Measure a producer with nine consumers, all invariants on",
		fmt.Sprintf(`Measures one producer that sends %d datums of %d bytes, one each %s, to %d consumers on hosts of
their own: a minute of virtual time, with the hash and all invariants on. The floor is %s.`, fanoutCount, fanoutSize, fanoutEvery, fanoutConsumers, fanoutFloor),
		fanoutRound, func(r *floorReport) {
			r.Floor = int64(fanoutFloor)
			r.Met = r.Median <= int64(fanoutFloor)
		})
}

// median measures rounds, which must all be the same run, on one core as the workers of a
// sweep are.
func median(seed uint64, times int, measure func(seed uint64) (round, error)) (floorReport, error) {
	defer wall.Single()()
	var list []round
	for range times {
		r, err := measure(seed)
		if err != nil {
			return floorReport{}, err
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b round) int { return cmp.Compare(a.took, b.took) })
	m := list[len(list)/2]
	for _, r := range list {
		if r.hash != m.hash {
			return floorReport{}, fmt.Errorf("bench: rounds of one seed have hashes %016x and %016x", r.hash, m.hash)
		}
	}
	return floorReport{
		Rounds: times, Median: int64(m.took), Steps: m.steps, StepsPerS: perSecond(m.steps, m.took), Allocs: m.allocs,
		Deliveries: m.delivered, Hash: fmt.Sprintf("%016x", m.hash), Machine: wall.ThisMachine(),
	}, nil
}

// kernelWorld is a world in which timers come due for ever.
func kernelWorld(seed uint64) *sim.World {
	w := sim.New(sim.Config{Seed: seed, Budget: 1 << 40})
	env := w.Env()
	for i := range kernelStrands {
		s := env.Scheduler.Strand("s")
		for j := range kernelTimers / kernelStrands {
			n := i + j*kernelStrands
			period := 500*time.Microsecond + time.Duration(n)*997*time.Nanosecond // so that they meet in changing ways
			var timer runtime.Timer
			timer = env.Clock.AfterFunc(s, period, func() { timer.Reset(period) })
		}
	}
	return w
}

func kernelRound(seed uint64) (r round, err error) {
	w := kernelWorld(seed)
	defer w.Close()                                 //nolint:errcheck // it has no tasks
	if err := w.Run(time.Second / 10); err != nil { // slices have grown then
		return r, err
	}
	steps, allocs := w.Stats().Steps, wall.Allocations()
	until, elapsed := w.Now(), wall.Since()
	for w.Stats().Steps-steps < kernelSteps {
		until += 100 * time.Millisecond
		if err := w.Run(until); err != nil {
			return r, err
		}
	}
	r.took = elapsed()
	r.steps, r.allocs, r.hash = w.Stats().Steps-steps, wall.Allocations()-allocs, w.Stats().Hash
	return r, nil
}

// fanoutScenario begins to send when all hosts are up.
func fanoutScenario() scenarios.Scenario {
	const begin = time.Second
	s := scenarios.Scenario{
		Name: "fanout", Duration: begin + fanoutCount*fanoutEvery + time.Second,
		Hosts:    []scenarios.Host{{Name: "producer"}},
		Streams:  []scenarios.Stream{{Name: "s"}},
		Workload: []scenarios.Work{{Host: "producer", Program: scenarios.Produce, Stream: "s", Start: begin, Every: fanoutEvery, Count: fanoutCount, Size: fanoutSize}},
	}
	for i := range fanoutConsumers {
		name := fmt.Sprintf("c%d", i+1)
		s.Hosts = append(s.Hosts, scenarios.Host{Name: name})
		s.Workload = append(s.Workload, scenarios.Work{Host: name, Program: scenarios.Consume, Stream: "s"})
	}
	return s
}

func fanoutRound(seed uint64) (r round, err error) {
	s := fanoutScenario()
	allocs, elapsed := wall.Allocations(), wall.Since()
	result, err := scenarios.Run(s, scenarios.Options{Seed: seed, Until: s.Duration - 1})
	if err != nil {
		return r, err
	}
	r.took = elapsed()
	r.steps, r.allocs, r.delivered, r.hash = result.Stats.Steps, wall.Allocations()-allocs, result.Delivered, result.Stats.Hash
	if result.Verdict != scenarios.Pass {
		return r, fmt.Errorf("bench fanout: %s", result.Verdict)
	}
	// The first one goes out as soon as one consumer is there.
	if want := int64(fanoutConsumers * (fanoutCount - 1)); r.delivered < want {
		return r, fmt.Errorf("bench fanout: %d datums delivered, want %d at least", r.delivered, want)
	}
	return r, nil
}
