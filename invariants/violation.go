package invariants

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// The two kinds of invariants: nothing bad ever happens, and something good
// happens in time.
const (
	Safety   = "safety"
	Liveness = "liveness"
)

// MaxViolations is how many violations a Set keeps. The first one explains the
// others more often than not.
const MaxViolations = 16

// Violation is one promise that a run broke.
type Violation struct {
	Invariant string        // its name, as Names lists it
	Kind      string        // Safety or Liveness
	At        time.Duration // since the run began
	Host      string        // where it was noticed
	Detail    string        // for people
}

// String gives one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s violation of %s at %s on %s: %s", v.Kind, v.Invariant, v.At, v.Host, v.Detail)
}

// Checker judges one invariant. It reports violations to whoever made it.
type Checker interface {
	// Name is the invariant's.
	Name() string
	// Event takes the next record, which is good until Event returns.
	Event(r *event.Record)
	// Finish tells that no more records come.
	Finish(at time.Duration)
}

// reporter is how a checker says that its invariant is broken.
type reporter struct {
	set        *Set
	name, kind string
}

// Name implements Checker for whatever embeds the reporter.
func (p reporter) Name() string { return p.name }

// Finish implements Checker for rules that are judged as events come.
func (p reporter) Finish(time.Duration) {}

// fail reports a violation by the event r.
func (p reporter) fail(r *event.Record, format string, args ...any) {
	p.failAt(time.Duration(r.At), r.Host, format, args...)
}

func (p reporter) failAt(at time.Duration, host, format string, args ...any) {
	p.set.Report(Violation{Invariant: p.name, Kind: p.kind, At: at, Host: host, Detail: fmt.Sprintf(format, args...)})
}
