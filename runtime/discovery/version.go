package discovery

import (
	"cmp"
	"fmt"
)

// maxVersion bounds both parts of a version, so that adding to one can never
// overflow; it is reached in the year 287396.
const maxVersion = 1 << 53

// Version orders the entries of one peer: first by run, then within the run.
// Both parts are Unix milliseconds by the peer's clock, pushed up where that
// clock stood still or went back, and Started is never above Updated.
type Version struct{ Started, Updated int64 }

// Compare is negative if v is older than w, positive if it is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Started, w.Started), cmp.Compare(v.Updated, w.Updated))
}

// String gives "STARTED.UPDATED".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Started, v.Updated) }

// next gives the version of a change at now, in Unix milliseconds, newer than v
// whatever the clock says.
func (v Version) next(now int64) Version {
	return Version{Started: v.Started, Updated: max(v.Updated+1, now)}
}

// check refuses versions that no node publishes. Started above Updated would
// slip under a drift check of Updated.
func (v Version) check() error {
	if v.Started <= 0 || v.Started > v.Updated || v.Updated >= maxVersion {
		return fmt.Errorf("version %s out of range: %w", v, ErrMalformed)
	}
	return nil
}
