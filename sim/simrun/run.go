package simrun

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
)

// report is a run as --json prints it.
type report struct {
	Simrun     int            `json:"simrun"` // version of this format
	Seed       uint64         `json:"seed"`
	Scenario   string         `json:"scenario"`
	Verdict    string         `json:"verdict"`
	Hash       string         `json:"hash"`
	Steps      uint64         `json:"steps"`
	Events     uint64         `json:"events"`
	VirtualNS  int64          `json:"virtual_ns"`
	WallNS     int64          `json:"wall_ns"`
	Delivered  int64          `json:"delivered"`
	Violations []violation    `json:"violations"`
	Marks      map[string]int `json:"marks"`
	Bundle     string         `json:"bundle"`
}

type violation struct {
	Invariant string `json:"invariant"`
	Kind      string `json:"kind"`
	AtNS      int64  `json:"at_ns"`
	Host      string `json:"host"`
	Detail    string `json:"detail"`
}

func newReport(r scenarios.Result, took time.Duration) report {
	out := report{
		Simrun: 1, Seed: r.Seed, Scenario: r.Scenario, Verdict: string(r.Verdict), Hash: fmt.Sprintf("%016x", r.Stats.Hash),
		Steps: r.Stats.Steps, Events: r.Stats.Events, VirtualNS: int64(r.Stats.Now), WallNS: int64(took), Delivered: r.Delivered,
		Violations: []violation{}, Marks: r.Marks,
	}
	for _, v := range r.Violations {
		out.Violations = append(out.Violations, violation{v.Invariant, v.Kind, int64(v.At), v.Host, v.Detail})
	}
	return out
}

// exitCode is the code for a verdict.
func exitCode(v scenarios.Verdict) int {
	switch v {
	case scenarios.Pass:
		return ExitPass
	case scenarios.Safety:
		return ExitSafety
	case scenarios.Liveness:
		return ExitLiveness
	default:
		return ExitInconclusive
	}
}

// play runs one seed; observe and trace may be nil.
func (a *app) play(seed uint64, observe func(*event.Record), trace func(sim.Step)) (scenarios.Result, time.Duration, error) {
	s, err := a.find(seed)
	if err != nil {
		return scenarios.Result{}, 0, err
	}
	elapsed := wall.Since()
	r, err := scenarios.Run(s, scenarios.Options{Seed: seed, Budget: a.budget, HangLimit: cmp.Or(a.hang, -1), Programs: a.programs, Until: time.Duration(a.until), Observe: observe, Trace: trace})
	if err != nil {
		return r, 0, oneLine(err)
	}
	return r, elapsed(), nil
}

func (a *app) runOne() error {
	if a.json {
		r, took, err := a.play(uint64(a.seed), nil, nil)
		if err != nil {
			return err
		}
		a.code = exitCode(r.Verdict)
		return a.emit(newReport(r, took))
	}
	s, err := a.find(uint64(a.seed))
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out, a.reproduce(s, uint64(a.seed)))
	log := newLog(a.out, s, a.events)
	r, took, err := a.play(uint64(a.seed), log.observe, nil)
	if err != nil {
		return err
	}
	log.close()
	a.code = exitCode(r.Verdict)
	a.verdict(r, took)
	return nil
}

func (a *app) emit(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return &toolError{err}
	}
	_, err = fmt.Fprintf(a.out, "%s\n", line)
	if err != nil {
		return &toolError{err}
	}
	return nil
}

// verdict tells a person how the run ended.
func (a *app) verdict(r scenarios.Result, took time.Duration) {
	fmt.Fprintf(a.out, "\nverdict  %s\n", strings.ToUpper(string(r.Verdict)))
	for _, v := range r.Violations {
		host := v.Host
		if host == "" {
			host = "-"
		}
		fmt.Fprintf(a.out, "  %s %s at %s on %s: %s\n", v.Kind, v.Invariant, v.At, host, v.Detail)
	}
	if r.Inconclusive != "" {
		fmt.Fprintf(a.out, "  %s\n", r.Inconclusive)
	}
	fmt.Fprintf(a.out, "hash     %016x\n", r.Stats.Hash)
	delivered := ""
	if r.Delivered > 0 { // the programs of others do not report it
		delivered = fmt.Sprintf(", %d datums delivered", r.Delivered)
	}
	fmt.Fprintf(a.out, "virtual  %s in %s of real time, %d steps, %d events%s\n",
		r.Stats.Now.Round(time.Millisecond), took.Round(time.Millisecond), r.Stats.Steps, r.Stats.Events, delivered)
}
