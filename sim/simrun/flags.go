package simrun

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/suggest"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/explore"
)

// seedFlag is an unsigned 64-bit number, decimal or 0x.
type seedFlag uint64

func (f *seedFlag) String() string { return strconv.FormatUint(uint64(*f), 10) }
func (f *seedFlag) Type() string   { return "N" }
func (f *seedFlag) Set(text string) error {
	n, err := parseSeed(text)
	*f = seedFlag(n)
	return err
}

func parseSeed(text string) (uint64, error) {
	base, digits := 10, text
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		base, digits = 16, rest
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no seed: want a number from 0 to 18446744073709551615, decimal or 0x", text)
	}
	return n, nil
}

// seedsFlag is a range of seeds, inclusive.
type seedsFlag struct{ from, to uint64 }

func (f *seedsFlag) String() string {
	if f.from == 0 && f.to == 0 {
		return ""
	}
	return fmt.Sprintf("%d-%d", f.from, f.to)
}
func (f *seedsFlag) Type() string { return "A-B" }
func (f *seedsFlag) Set(text string) (err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	if f.from, err = parseSeed(first); err != nil {
		return err
	}
	if f.to, err = parseSeed(last); err != nil {
		return err
	}
	if f.to < f.from {
		return fmt.Errorf("seeds %s run backwards: want the smaller one first", text)
	}
	return nil
}

// durationFlag is a positive duration.
type durationFlag time.Duration

func (f *durationFlag) String() string {
	if *f == 0 {
		return ""
	}
	return time.Duration(*f).String()
}
func (f *durationFlag) Type() string { return "D" }
func (f *durationFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no duration: want for example 30s or 1m30s", text)
	}
	*f = durationFlag(d)
	return nil
}

// strategyFlag is the text form of a strategy, "" for what the scenario says.
type strategyFlag string

func (f *strategyFlag) String() string { return string(*f) }
func (f *strategyFlag) Type() string   { return "S" }
func (f *strategyFlag) Set(text string) error {
	p, err := explore.Parse(text)
	*f = strategyFlag(p.String())
	return err
}

// names are those of the further programs.
func (a *app) names() []string {
	names := make([]string, len(a.programs))
	for i, p := range a.programs {
		names[i] = p.Name
	}
	return names
}

// find gives the scenario that --scenario, --strategy and a seed stand for.
func (a *app) find(seed uint64) (scenarios.Scenario, error) {
	s, err := a.named(seed)
	if a.strategy != "" {
		s.Strategy = string(a.strategy)
	}
	return s, err
}

// named gives the scenario that --scenario and a seed stand for.
func (a *app) named(seed uint64) (scenarios.Scenario, error) {
	names := a.names()
	if a.scenario == scenarios.SwarmName && len(names) > 0 {
		return scenarios.SwarmOf(seed, names), nil
	}
	if s, ok := scenarios.Named(a.scenario, seed); ok {
		return s, nil
	}
	if !strings.ContainsAny(a.scenario, "./") {
		if near := suggest.Near(a.scenario, append(scenarios.Names(), scenarios.SwarmName)); near != "" {
			return scenarios.Scenario{}, fmt.Errorf("no scenario %q: did you mean %s?", a.scenario, near)
		}
		return scenarios.Scenario{}, fmt.Errorf("no scenario %q: there are %s; a file needs a path such as ./%s.yaml", a.scenario, strings.Join(scenarios.Names(), ", "), a.scenario)
	}
	data, err := readScenario(a.scenario)
	if err != nil {
		return scenarios.Scenario{}, fmt.Errorf("read scenario: %w", err)
	}
	s, err := scenarios.Parse(data)
	if err != nil {
		return scenarios.Scenario{}, fmt.Errorf("%s: %w", a.scenario, oneLine(err))
	}
	if err := s.Validate(names...); err != nil {
		return scenarios.Scenario{}, fmt.Errorf("%s: %w", a.scenario, oneLine(err))
	}
	return s, nil
}

// readScenario reads a file, as far as a scenario may be long and a byte more.
func readScenario(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, scenarios.MaxFile+1))
}

// oneLine joins the lines of an error.
func oneLine(err error) error {
	return fmt.Errorf("%s", strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; "))
}
