package stream

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// filter is what consumers with equal criteria share: each datum is judged once
// for all of them.
type filter struct {
	*criteria.Criteria
	subs    int
	matched [][]byte // of the present batch
	failed  int      // datums of it for which the evaluation erred
	cost    int      // of the evaluations of it
}

// filters are those of one producer's subscriptions, in order of first use.
type filters []*filter

// compileEvery and compileBurst limit the criteria that a producer compiles for one peer. That
// takes some milliseconds at worst, on the strand of all consumers.
const (
	compileEvery = 100 * time.Millisecond
	compileBurst = 64
)

// has reports whether there is the filter of an expression.
func (l filters) has(expr string) bool {
	return slices.ContainsFunc(l, func(f *filter) bool { return f.String() == expr })
}

// use gives the filter of an expression, made if there is none, and counts one
// more subscription. Errors wrap wire.BadCriteria.
func (l *filters) use(expr string) (*filter, error) {
	for _, f := range *l {
		if f.String() == expr {
			f.subs++
			return f, nil
		}
	}
	c, err := criteria.Compile(expr)
	if err != nil {
		return nil, err
	}
	f := &filter{Criteria: c, subs: 1}
	*l = append(*l, f)
	return f, nil
}

// drop counts one subscription less.
func (l *filters) drop(f *filter) {
	if f.subs--; f.subs == 0 {
		*l = slices.DeleteFunc(*l, func(o *filter) bool { return o == f })
	}
}

// sift finds out which datums of a batch match what. A datum whose fields cannot
// be read matches nothing, and is counted for each filter.
func (w *fanout) sift(batch [][]byte) {
	if len(w.filters) == 0 {
		return
	}
	for _, frame := range batch {
		var fields any
		var ferr error
		if err := w.call(nobody, "codec", func() { fields, ferr = w.fields(framePayload(frame)) }); err != nil {
			ferr = err
		}
		for _, f := range w.filters {
			ok, err := false, ferr
			if err == nil {
				var cost int
				ok, cost, err = f.Judge(fields)
				f.cost += cost
			}
			switch {
			case err != nil:
				f.failed++
			case ok:
				f.matched = append(f.matched, frame)
			}
		}
	}
	for _, f := range w.filters {
		if f.failed > 0 {
			w.env.Report(w.event(&event.Event{
				Kind: event.CriteriaFailed, Reason: wire.NoMatch, From: frameSeq(batch[0]), To: frameSeq(batch[len(batch)-1]), N: int64(f.failed), Text: f.String(),
			}))
		}
	}
}

// The criteria of all consumers of a producer may cost workBurst units a second, in units of
// an evaluation's budget. A unit takes up to some nanoseconds. A simple expression costs about
// ten units per datum.
const (
	workEvery = 8 * time.Nanosecond
	workBurst = int(time.Second / workEvery)
)

// limit ends the subscriptions with the most expensive criteria if all criteria together
// exceed the limit. Evaluation runs on the producer's strand, so it delays all consumers,
// whatever the lag policy.
func (w *fanout) limit() {
	total := 0
	var costliest *filter
	for _, f := range w.filters {
		total += f.cost
		if costliest == nil || f.cost > costliest.cost {
			costliest = f
		}
	}
	if total == 0 || w.work.Spend(w.env.Clock.Mono(), workEvery, workBurst, total) == 0 {
		return
	}
	w.work = runtime.GCRA{} // what it cost is not the others' fault
	w.env.Mark("stream/costly-criteria")
	w.each(func(s *subscription) {
		if s.filter == costliest {
			s.cut(wire.BadCriteria)
		}
	})
}

// unsift forgets the batch.
func (w *fanout) unsift() {
	for _, f := range w.filters {
		clear(f.matched)
		f.matched, f.failed, f.cost = f.matched[:0], 0, 0
	}
}
