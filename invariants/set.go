package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// Info describes an invariant.
type Info struct {
	Name, Kind string
	Doc        string // one sentence
}

// rule makes the checker of one invariant.
type rule struct {
	Info
	kinds []event.Kind // of the records that it reads
	// after: the checker reads the book as it is with the record, the others
	// as it was before.
	after bool
	make  func(p reporter, b *book, o Options) Checker
}

// rules is the table of all invariants, safety first.
var rules = []rule{
	fifoRule, phantomRule, endToEndRule, toldRule, lastRule, deadlinesRule, completeRule, deliveredRule, staysRule, takenRule, progressRule, statusRule, conservationRule, capacityRule, expiryRule, revokedRule, chosenRule, versionsRule, onlineRule, gracefulRule, panicRule,
	spreadRule, forgedRule, evictedRule, luredRule, futureRule, singleRule, exchangedRule, comparesRule, boundedRule, promptRule, stuckRule, rightsRule, barredRule, nearRule, membersRule, retriesRule, endsRule, reasonsRule,
	reconnectRule, catalogsRule, forgottenRule, flowRule,
}

// List describes all invariants, safety first.
func List() []Info {
	list := make([]Info, len(rules))
	for i, r := range rules {
		list[i] = r.Info
	}
	return list
}

// Names lists the names of all invariants, safety first.
func Names() []string {
	list := make([]string, len(rules))
	for i, r := range rules {
		list[i] = r.Name
	}
	return list
}

// maxKind bounds the kinds that rules read.
const maxKind = event.Quiesced

// Set is all invariants over one run.
type Set struct {
	book          *book
	checkers      []Checker
	before, after [maxKind + 1][]Checker
	added         []Checker
	found         []Violation
	total         int
	expects       bool // something that Recovered can wait for
	settled       bool
	finished      bool
}

// settler is a checker of liveness: Settle is where it is judged last.
type settler interface{ settle(at time.Duration) }

// recoverer is a checker that knows whether all it demands in the end holds already. All of
// liveness are.
type recoverer interface{ recovered(at time.Duration) bool }

// blink is for how long something must have been there to count as recovered. It is longer
// than the time between two looks, so that none misses that it was away.
const blink = time.Second

// New makes a set of all invariants.
func New(o Options) *Set {
	o = o.withDefaults()
	s := &Set{book: newBook(o), expects: len(o.Expect)+len(o.ExpectPeers) > 0}
	for _, r := range rules {
		c := r.make(reporter{set: s, name: r.Name, kind: r.Kind}, s.book, o)
		if _, ok := c.(recoverer); !ok && r.Kind == Liveness {
			panic("invariants: the rule " + r.Name + " does not know when all has recovered")
		}
		s.checkers = append(s.checkers, c)
		table := &s.before
		if r.after {
			table = &s.after
		}
		for _, k := range r.kinds {
			table[k] = append(table[k], c)
		}
	}
	return s
}

// Add adds a checker of the caller's, which sees every record and reports to
// Report.
func (s *Set) Add(c Checker) { s.added = append(s.added, c) }

// Event takes the next record, and keeps copies if any.
func (s *Set) Event(r *event.Record) {
	for _, c := range s.added {
		c.Event(r)
	}
	if r.Kind > maxKind || s.finished || !s.book.turn(r) {
		return
	}
	for _, c := range s.before[r.Kind] {
		c.Event(r)
	}
	s.book.apply(r)
	for _, c := range s.after[r.Kind] {
		c.Event(r)
	}
}

// Recovered tells whether the faults are over and all is, at the moment at and for a second
// before, as liveness demands that it is in the end. A run in which it was so whenever asked,
// once a second or more often for a while, may be settled before the bounds have passed.
// Liveness is not judged then: all that it demands was seen to hold. It is false where
// nothing is expected.
func (s *Set) Recovered(at time.Duration) bool {
	return s.expects && s.book.quiesced >= 0 && !slices.ContainsFunc(s.checkers, func(c Checker) bool {
		r, ok := c.(recoverer)
		return ok && !r.recovered(at)
	})
}

// Settle ends the liveness phase at the moment at: what had to happen by then
// is judged, and later records, such as those of nodes that are closed, are
// judged for safety only. Twice is fine.
func (s *Set) Settle(at time.Duration) {
	if s.settled {
		return
	}
	s.settled = true
	for _, c := range s.checkers {
		if l, ok := c.(settler); ok {
			l.settle(at)
		}
	}
}

// Finish ends the run; it settles first if nobody did. Records that come later
// are ignored. Twice is fine.
func (s *Set) Finish(at time.Duration) {
	s.Settle(at)
	if s.finished {
		return
	}
	s.finished = true
	for _, c := range s.checkers {
		c.Finish(at)
	}
	for _, c := range s.added {
		c.Finish(at)
	}
}

// Report takes a violation from a checker.
func (s *Set) Report(v Violation) {
	if s.total++; len(s.found) < MaxViolations {
		s.found = append(s.found, v)
	}
}

// Violations are the first MaxViolations of the run, in order.
func (s *Set) Violations() []Violation { return s.found }

// Total counts all violations.
func (s *Set) Total() int { return s.total }
