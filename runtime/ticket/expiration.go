package ticket

import (
	"math"
	"time"
)

// Expiration is the moment at which a right ends, or Never, its zero value.
type Expiration struct{ at time.Time }

// Never is the expiration of what does not end.
var Never = Expiration{}

// At gives the expiration at t. The zero time gives Never.
func At(t time.Time) Expiration {
	if t.IsZero() {
		return Never
	}
	return Expiration{at: t.UTC().Round(0)}
}

// IsNever tells whether the right does not end.
func (e Expiration) IsNever() bool { return e.at.IsZero() }

// Time gives the moment of the end, the zero time for Never.
func (e Expiration) Time() time.Time { return e.at }

// UnixNano gives the moment in Unix nanoseconds, 0 for Never: the form of
// events. What lies after the year 2262 is the largest number.
func (e Expiration) UnixNano() int64 {
	if e.IsNever() {
		return 0
	}
	if e.at.Unix() > math.MaxInt64/int64(time.Second)-1 {
		return math.MaxInt64
	}
	return e.at.UnixNano()
}

// Passed tells whether the right has ended at now. It holds before its end and
// not at it.
func (e Expiration) Passed(now time.Time) bool { return !e.IsNever() && !now.Before(e.at) }

// After tells whether e ends later than f.
func (e Expiration) After(f Expiration) bool {
	switch {
	case f.IsNever():
		return false
	case e.IsNever():
		return true
	default:
		return e.at.After(f.at)
	}
}

// Earlier gives the one of e and f that ends first.
func (e Expiration) Earlier(f Expiration) Expiration {
	if e.After(f) {
		return f
	}
	return e
}

// String gives RFC 3339 or "never".
func (e Expiration) String() string {
	if e.IsNever() {
		return "never"
	}
	return e.at.Format(time.RFC3339Nano)
}
