package simrun

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/fault"
	"github.com/spf13/cobra"
)

// maxJobs bounds the worker processes of one sweep.
const maxJobs = 256

// sweepEnv is the environment of a sweep's workers: one thread each, and as a world is
// small and soon over, fewer collections for more memory.
var sweepEnv = []string{"GOMAXPROCS=1", "GOGC=1200", "GOMEMLIMIT=1GiB"}

// sweep runs many seeds in worker processes.
func (a *app) sweep() *cobra.Command {
	var seeds seedsFlag
	var jobs, failures int
	c := &cobra.Command{
		Use:   "sweep --seeds A-B",
		Short: "Run many seeds in worker processes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seeds") {
				return errors.New("no --seeds: say which runs, for example --seeds 1-500")
			}
			if jobs < 1 || jobs > maxJobs {
				return fmt.Errorf("-j %d: want 1 to %d", jobs, maxJobs)
			}
			if failures < 0 {
				return fmt.Errorf("--failures %d: want 0 or more", failures)
			}
			if _, err := a.find(seeds.from); err != nil {
				return err
			}
			s := &sweep{app: a, seeds: seeds, failures: failures, signatures: map[string]int{}, marks: map[string]int{}, on: map[string]int{}}
			return s.run(jobs)
		},
	}
	c.Flags().Var(&seeds, "seeds", "runs, inclusive")
	c.Flags().IntVarP(&jobs, "jobs", "j", min(maxJobs, wall.Cores()), "worker processes; one a core unless given")
	c.Flags().IntVar(&failures, "failures", 0, "stop after so many failing seeds; 0: never")
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON object a seed, then one for the sweep, and nothing else")
	a.common(c)
	return c
}

// sweep is a sweep under way.
type sweep struct {
	app        *app
	seeds      seedsFlag
	failures   int
	done       int
	pass, fail int
	delivered  []int64
	steps      uint64
	signatures map[string]int
	marks      map[string]int
	on         map[string]int // classes of fault: seeds in which they were on
	worst      int
	broken     error
}

// sweepReport is the last line of sweep --json.
type sweepReport struct {
	Sweep      int            `json:"sweep"` // version of this format
	Seeds      int            `json:"seeds"`
	Pass       int            `json:"pass"`
	Fail       int            `json:"fail"`
	Signatures map[string]int `json:"signatures"`
	StepsPerS  uint64         `json:"steps_per_s"`
	NeverHit   []string       `json:"never_hit"`
}

func (s *sweep) run(jobs int) error {
	elapsed := wall.Since()
	next, more := s.seeds.from, true
	err := wall.Workers(jobs, s.app.workerCommand(sweepEnv...),
		func() (string, bool) {
			if !more {
				return "", false
			}
			seed := next
			more = seed != s.seeds.to
			next++
			return fmt.Sprint(seed), true
		},
		s.take)
	if err != nil {
		return &toolError{err}
	}
	if s.broken != nil {
		return s.broken
	}
	s.app.code = s.worst
	return s.conclude(elapsed())
}

// take counts one answer, and tells whether to go on.
func (s *sweep) take(request, reply string, err error) bool {
	r, err := parseAnswer(reply, err)
	if err != nil {
		seed, _ := parseSeed(request)
		s.broken = s.app.lost(seed, err)
		return false
	}
	s.done++
	s.steps += r.Steps
	s.delivered = append(s.delivered, r.Delivered)
	for name, n := range r.Marks {
		s.marks[name] += n
	}
	s.countClasses(r.Seed)
	if r.Verdict == string(scenarios.Pass) {
		s.pass++
	} else {
		s.fail++
		s.signatures[signature(r)]++
		s.worst = worse(s.worst, exitCode(scenarios.Verdict(r.Verdict)))
	}
	s.show(r)
	return s.failures == 0 || s.fail < s.failures
}

// countClasses notes which kinds of fault a seed had.
func (s *sweep) countClasses(seed uint64) {
	scenario, err := s.app.find(seed)
	if err != nil {
		return
	}
	var on []string
	for _, f := range scenario.Faults {
		class, _, _ := strings.Cut(f.Fault, " ")
		if !slices.Contains(on, class) {
			on = append(on, class)
			s.on[class]++
		}
	}
}

// signature groups failures that are likely the same bug.
func signature(r report) string {
	if len(r.Violations) == 0 {
		return r.Verdict
	}
	return r.Violations[0].Kind + "/" + r.Violations[0].Invariant
}

// worse orders exit codes: safety, then liveness, then the rest.
func worse(a, b int) int {
	order := []int{ExitSafety, ExitLiveness, ExitInconclusive, ExitPass}
	if slices.Index(order, b) < slices.Index(order, a) {
		return b
	}
	return a
}

func (s *sweep) show(r report) {
	if s.app.json {
		_ = s.app.emit(r)
		return
	}
	if r.Verdict == string(scenarios.Pass) {
		return
	}
	detail := ""
	if len(r.Violations) > 0 {
		detail, _, _ = strings.Cut(r.Violations[0].Detail, "\n")
		detail = ": " + detail
	}
	fmt.Fprintf(s.app.out, "FAIL  %s  # %s%s\n", s.app.again(r.Seed), signature(r), detail)
}

// oftenOn is in how many seeds of a sweep a kind of fault must have been on for
// it to be a failure of the harness that it never bit.
const oftenOn = 20

// conclude prints the sum, and fails a sweep in which a kind of fault was on
// often and never bit.
func (s *sweep) conclude(took time.Duration) error {
	never := s.neverHit()
	steps := perSecond(s.steps, took)
	if s.app.json {
		if err := s.app.emit(sweepReport{1, s.done, s.pass, s.fail, s.signatures, steps, never}); err != nil {
			return err
		}
		return s.toothless()
	}
	slices.Sort(s.delivered)
	delivered := ""
	if median := s.delivered[len(s.delivered)/2]; median > 0 {
		delivered = fmt.Sprintf("; the median seed delivered %d datums", median)
	}
	fmt.Fprintf(s.app.out, "%s of %s in %s: %d pass, %d fail\n", count(s.done, "seed"), s.app.scenario, took.Round(100*time.Millisecond), s.pass, s.fail)
	fmt.Fprintf(s.app.out, "%s seeds/s, %d steps/s%s\n", tenths(perSecond(10*uint64(s.done), took)), steps, delivered)
	if s.fail > 0 {
		fmt.Fprintln(s.app.out, "\nfailure                       seeds")
	}
	for _, name := range slices.Sorted(maps.Keys(s.signatures)) {
		fmt.Fprintf(s.app.out, "%-28s %6d\n", name, s.signatures[name])
	}
	if len(s.on) > 0 {
		fmt.Fprintln(s.app.out, "\nfault         seeds on it  times it bit")
	}
	for _, c := range fault.Classes() {
		if s.on[c.Name] > 0 {
			fmt.Fprintf(s.app.out, "%-12s %6d %4d%%  %12d\n", c.Name, s.on[c.Name], 100*s.on[c.Name]/s.done, s.bites(c))
		}
	}
	if len(never) > 0 {
		fmt.Fprintf(s.app.out, "never hit: %s\n", strings.Join(never, ", "))
	}
	if places := s.unreached(); len(places) > 0 && s.app.scenario == scenarios.SwarmName {
		fmt.Fprintf(s.app.out, "rare places of the product that no seed reached: %s\n", strings.Join(places, ", "))
	}
	return s.toothless()
}

const toothlessText = "never bit: it tests nothing"

// toothless is the failure of a kind of fault that was on often and never bit.
func (s *sweep) toothless() error {
	for _, c := range fault.Classes() {
		if n := s.on[c.Name]; n >= oftenOn && s.bites(c) == 0 {
			return &toolError{fmt.Errorf("fault %s was on in %d seeds and "+toothlessText, c.Name, n)}
		}
	}
	return nil
}

func (s *sweep) bites(c fault.Class) (n int) {
	for _, m := range c.Marks {
		n += s.marks[m]
	}
	return n
}

// unreached lists the rare places of the product that no seed got to.
func (s *sweep) unreached() []string {
	return slices.DeleteFunc(event.Marks(), func(name string) bool { return s.marks[name] > 0 })
}

// neverHit lists the kinds of fault that were on and never bit.
func (s *sweep) neverHit() []string {
	never := []string{}
	for _, c := range fault.Classes() {
		if s.on[c.Name] > 0 && s.bites(c) == 0 {
			never = append(never, "fault "+c.Name)
		}
	}
	return never
}
