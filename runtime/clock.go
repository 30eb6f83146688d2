package runtime

import "time"

// Clock tells two kinds of time. Its methods may be called from anywhere.
type Clock interface {
	// Now is the wall time, in UTC and without a monotonic reading. It may be
	// stepped in either direction. It is for what peers see or sign: tickets,
	// versions, freshness.
	Now() time.Time
	// Mono is the time since the node started and never goes back. It is for
	// intervals: round trips, back-off, time-outs.
	Mono() time.Duration
	// AfterFunc posts f on s when d of Mono has passed. A d below zero is zero.
	//
	// A timer is a hint: it fires late on a busy strand, and a timer of the
	// same instant may run before it. Whoever decides compares Now or Mono at
	// that point.
	AfterFunc(s Strand, d time.Duration, f func()) Timer
	// At posts f on s once Now reaches wall: within one second if the clock is
	// stepped over it or the machine was suspended.
	At(s Strand, wall time.Time, f func()) Timer
}

// Timer is a timer of AfterFunc or At. On the strand that it fires on, Stop and
// Reset are exact: a firing that was already posted does not run. Elsewhere
// they are best effort.
type Timer interface {
	// Stop prevents the timer from firing. Twice is fine.
	Stop()
	// Reset makes the timer fire, once, d of Mono from now, whether or not it
	// fired or was stopped before; a timer of At becomes one of AfterFunc.
	Reset(d time.Duration)
}
