package invariants

import (
	"cmp"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// version is that of an entry: the start of the run, then the update.
type version struct{ started, updated uint64 }

func versionOf(r *event.Record) version { return version{r.From, r.To} }

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.started, w.started), cmp.Compare(v.updated, w.updated))
}

// entry is what one node knows of another.
type entry struct {
	present    bool
	since      int64   // At since when
	changed    int64   // At of the last change of version
	gone       int64   // At since when it is not present, if it was
	version    version // the newest that was ever known
	departed   bool
	departure  version // the newest
	departedAt int64   // Mono
	leftAt     int64   // the same moment, At
}

// publication is a version of the own entry.
type publication struct {
	at      int64
	version version
}

// newest gives the version that the life published last.
func (l *life) newest() (v version) {
	if n := len(l.published); n > 0 {
		v = l.published[n-1].version
	}
	return v
}

func (l *life) applyEntry(r *event.Record) {
	if r.Kind == event.EntryPublished {
		l.published = append(l.published, publication{r.At, versionOf(r)})
		return
	}
	e := l.known[r.Peer]
	if e == nil {
		e = &entry{}
		l.known[r.Peer] = e
	}
	if r.Kind == event.PeerDeparted && r.Reason == wire.IdleTimeout {
		*e = entry{gone: r.At} // its time was over, and the node remembers nothing of it
		return
	}
	v, back := versionOf(r), e.departed && !e.present
	was := e.present
	e.present = r.Kind != event.PeerDeparted && r.Kind != event.PeerHidden
	if e.present && !was {
		e.since = r.At
	} else if !e.present && was {
		e.gone = r.At
	}
	if e.present && (back || v.compare(e.version) > 0) {
		e.version, e.changed = v, r.At
	}
	if r.Kind != event.PeerDeparted {
		return
	}
	if !e.departed || v.compare(e.departure) > 0 {
		e.departure = v
	}
	e.departed, e.departedAt, e.leftAt = true, r.Mono, r.At
}
