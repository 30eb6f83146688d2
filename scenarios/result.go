package scenarios

import (
	"fmt"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/invariants/linear"
	"github.com/smalti/smalti/sim"
)

// Verdict is the outcome of a run.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Safety       Verdict = "safety"       // something happened that must not
	Liveness     Verdict = "liveness"     // something did not happen that must
	Inconclusive Verdict = "inconclusive" // a budget ended the run, or a checker gave up
)

// Result is what a run found.
type Result struct {
	Scenario     string
	Seed         uint64
	Verdict      Verdict
	Violations   []invariants.Violation // the worst kind first, then in order of time
	Inconclusive string                 // why, if nothing is violated
	Stats        sim.Stats
	Delivered    int64          // datums that reached an application
	Marks        map[string]int // rare places, and how often they were reached
}

// judge sums the run up.
func (r *run) judge() {
	r.result.Stats = r.world.Stats()
	found := append(r.result.Violations, r.set.Violations()...)
	for _, l := range r.linear.Results() {
		switch l.Verdict {
		case linear.Ok:
		case linear.Illegal:
			found = append(found, invariants.Violation{Invariant: "linearizable", Kind: invariants.Safety, At: l.At, Host: l.Host, Detail: l.Object + ": " + l.Detail})
		default:
			r.result.Inconclusive = fmt.Sprintf("%s of %s cannot be checked for linearizability: %s", l.Object, l.Host, l.Detail)
		}
	}
	r.result.Violations = nil
	r.result.Verdict = Pass
	for _, kind := range []string{invariants.Safety, invariants.Liveness} {
		for _, v := range found {
			if v.Kind == kind {
				r.result.Violations = append(r.result.Violations, v)
			}
		}
	}
	switch {
	case len(r.result.Violations) > 0 && r.result.Violations[0].Kind == invariants.Safety:
		r.result.Verdict = Safety
	case len(r.result.Violations) > 0:
		r.result.Verdict = Liveness
	case r.result.Inconclusive != "":
		r.result.Verdict = Inconclusive
	}
}
