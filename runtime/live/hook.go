package live

import (
	"reflect"
	goruntime "runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/smalti/smalti/runtime"
)

// Entry identifies one entry of one strand's inbox.
type Entry struct {
	// Strand is the strand's name.
	Strand string
	// Seq is the entry's position in the inbox, from 1.
	Seq uint64
	// Source says who posted: the label of Labelled, "timer N" for the Nth
	// timer that was started on the strand, else the name of the posted
	// function.
	Source string
	// Nth is the entry's position among those of its source, from 1. Seq and
	// Nth count entries that were posted, also those that did not run.
	Nth uint64
}

// Hook is called for every entry when it is posted, in the order of the inbox,
// and gives the function that runs in its place; it does not run if the
// scheduler stopped meanwhile, or if Stop or Reset overtook a timer's firing.
// The hook is called under the strand's lock: it must not block and must not
// post.
type Hook func(e Entry, f func()) func()

// tally numbers the entries of one inbox, under its strand's lock.
type tally struct {
	seq     uint64
	timers  uint64
	sources map[string]uint64
}

func (t *tally) entry(strand, source string) Entry {
	t.seq++
	t.sources[source]++
	return Entry{Strand: strand, Seq: t.seq, Source: source, Nth: t.sources[source]}
}

// sourceOf names a posted function, for example "stream.(*worker).drain-fm".
func sourceOf(f func()) string {
	return goruntime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
}

// Labelled gives a view of s whose posts carry source in Entry.Source. It is s
// itself if s belongs to no Scheduler or to one without a hook.
func Labelled(s runtime.Strand, source string) runtime.Strand {
	inner, ok := s.(*strand)
	if !ok || inner.tally == nil {
		return s
	}
	return labelled{strand: inner, source: source}
}

type labelled struct {
	*strand
	source string
}

func (l labelled) Post(f func()) { l.postFrom(l.source, f) }

// postIf posts f, which then runs only if ok still holds.
func (l labelled) postIf(ok func() bool, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f = l.sched.config.Hook(l.tally.entry(l.name, l.source), f)
	l.add(func() {
		if ok() {
			f()
		}
	})
}

// forTimer gives the view that the next timer on s posts through.
func forTimer(s runtime.Strand) runtime.Strand {
	inner, ok := s.(*strand)
	if view, isView := s.(labelled); isView {
		inner, ok = view.strand, true
	}
	if !ok || inner.tally == nil {
		return s
	}
	inner.mu.Lock()
	inner.tally.timers++
	n := inner.tally.timers
	inner.mu.Unlock()
	return labelled{strand: inner, source: "timer " + strconv.FormatUint(n, 10)}
}

// Recorder keeps, for each strand, the order in which entries ran. Its Hook
// method is a Hook. The zero value keeps up to DefaultRecord entries a strand.
type Recorder struct {
	// Limit bounds the entries that are kept of one strand, the first ones; 0
	// is DefaultRecord. It must not change after the first entry.
	Limit int

	mu      sync.Mutex
	strands map[string][]Entry
	lost    uint64
}

// DefaultRecord is the default of Recorder.Limit: 2^20 entries, about 64 MB.
const DefaultRecord = 1 << 20

// Hook records e when it runs, so that what was dropped leaves no trace.
func (r *Recorder) Hook(e Entry, f func()) func() {
	return func() {
		r.record(e)
		f()
	}
}

func (r *Recorder) record(e Entry) {
	limit := r.Limit
	if limit == 0 {
		limit = DefaultRecord
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.strands == nil {
		r.strands = map[string][]Entry{}
	}
	if len(r.strands[e.Strand]) >= limit {
		r.lost++
		return
	}
	r.strands[e.Strand] = append(r.strands[e.Strand], e)
}

// Entries gives what ran on strand so far, in order, and how many entries of
// all strands were not kept.
func (r *Recorder) Entries(strand string) (entries []Entry, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.strands[strand]), r.lost
}
