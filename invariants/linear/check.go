package linear

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/smalti/smalti/runtime/event"
)

// Verdict is the outcome of a check.
type Verdict int

// The verdicts. Unknown is the zero value: nothing was shown.
const (
	Unknown Verdict = iota
	Ok
	Illegal
)

func (v Verdict) String() string {
	switch v {
	case Ok:
		return "ok"
	case Illegal:
		return "illegal"
	default:
		return "unknown"
	}
}

// Result is the verdict on one object.
type Result struct {
	Object     string // what it is, for people
	Host       string // of the producer
	Verdict    Verdict
	Operations int           // that were checked
	At         time.Duration // of Illegal: of the operation that has no place
	Detail     string        // of Illegal and Unknown
}

// Check collects and checks records.
func Check(records []event.Record) []Result {
	c := NewCollector()
	for _, r := range records {
		c.Event(&r)
	}
	return c.Results()
}

// Results checks every object that was collected so far, in the order in which
// they were opened.
func (c *Collector) Results() []Result {
	results := make([]Result, len(c.order))
	for i, o := range c.order {
		results[i] = o.check()
	}
	return results
}

func (o *object) check() Result {
	r := Result{Object: o.name(), Host: o.host}
	if o.phantom != 0 {
		r.Verdict, r.At, r.Detail = Illegal, time.Duration(o.phantom), o.claimant.Short()+" was subscribed and never accepted"
		return r
	}
	history, cut := o.history()
	r.Operations = len(history)
	if !o.linearizable(history) {
		// Linearizability is closed under prefixes: find the shortest that is not.
		ends := make([]int64, len(history))
		for i, op := range history {
			ends[i] = op.end
		}
		slices.Sort(ends)
		n := sort.Search(len(ends), func(i int) bool { return !o.linearizable(before(history, ends[i])) })
		last := history[slices.IndexFunc(history, func(op operation) bool { return op.end == ends[n] })]
		r.Verdict, r.At = Illegal, time.Duration(last.at)
		r.Detail = fmt.Sprintf("%s has no place: capacity %d", o.describe(last), o.capacity)
		return r
	}
	if cut != "" && o.disorderly {
		r.Detail = cut
		return r
	}
	r.Verdict = Ok
	return r
}

// history gives the operations in order of call, cut before the bounds are
// exceeded, and says why if it is cut.
func (o *object) history() (history []operation, cut string) {
	history = slices.Clone(o.operations)
	slices.SortFunc(history, func(a, b operation) int { return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.point, b.point)) })
	var open []int64 // ends
	for i, op := range history {
		open = slices.DeleteFunc(open, func(end int64) bool { return end < op.call })
		if open = append(open, op.end); len(open) > MaxOpen {
			return before(history[:i], op.call), fmt.Sprintf("more than %d operations overlap at %s; %d of %d checked", MaxOpen, time.Duration(op.at), i, len(history))
		}
	}
	if o.full {
		return history, fmt.Sprintf("more than %d operations", MaxOperations)
	}
	return history, ""
}

// before gives the part of a history up to the moment end. An operation that is
// open then counts if it had happened, and ends there.
func before(history []operation, end int64) []operation {
	var part []operation
	for _, op := range history {
		if op.point <= end {
			op.end = min(op.end, end)
			part = append(part, op)
		}
	}
	return part
}

// linearizable asks porcupine. Calls and ends of different operations that fall
// on one record are the same record's, so that they overlap in no other way
// than they did.
func (o *object) linearizable(history []operation) bool {
	list := make([]porcupine.Operation, len(history))
	for i, op := range history {
		list[i] = porcupine.Operation{ClientId: i, Input: op.action, Call: 2 * op.call, Return: 2*op.end + 1}
	}
	return porcupine.CheckOperations(admission(o.capacity), list)
}

// admission is the sequential object: the number of slots taken.
func admission(capacity int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) { return step(capacity, state.(int64), input.(action)) },
	}
}

// step tells whether an action is legal with so many slots taken, and how many are
// then.
func step(capacity, taken int64, a action) (legal bool, then int64) {
	switch a {
	case subscribe:
		return capacity == 0 || taken < capacity, taken + 1
	case refuse:
		return capacity > 0 && taken >= capacity, taken
	default:
		return taken > 0, taken - 1
	}
}
