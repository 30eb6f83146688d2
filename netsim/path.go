package netsim

import (
	"errors"
	"time"
)

// Path is how one host reaches another, one way. The zero value is one
// millisecond, no loss, no limit on bandwidth.
type Path struct {
	Latency Latency
	// Bandwidth is in bytes per second; 0 is unlimited. All links of all
	// sessions between the two hosts share it.
	Bandwidth int64
	// Queue bounds what waits for bandwidth on the path, in bytes; more waits
	// in the send queues of links. 0 is DefaultQueue.
	Queue int
	// LossPPM is the chance of each frame to be lost, in ppm; at most MaxLoss.
	// It arrives later then, after one retransmission or several.
	LossPPM int
}

// Latency is a distribution of delays: Base and a random part around Spread.
type Latency struct {
	Shape  Shape
	Base   time.Duration // 0 is DefaultLatency: nothing arrives in no time
	Spread time.Duration // what Shape makes of it; at most MaxLatency, as Base
}

// Shape is the form of a latency's random part.
type Shape uint8

// The shapes.
const (
	Fixed       Shape = iota // none: Spread has no effect
	Uniform                  // from 0 to Spread
	Exponential              // with mean Spread
	HeavyTail                // Pareto with exponent 1.5, from 0, median 0.59 Spread, mean 2 Spread, cut at 1,000 Spread
)

// Bounds and defaults of a Path.
const (
	DefaultLatency = time.Millisecond
	DefaultQueue   = 64 << 10 // a few bandwidth-delay products of a slow line
	MaxLatency     = time.Hour
	MaxLoss        = 900_000
)

func (p Path) withDefaults() Path {
	if p.Latency.Base == 0 {
		p.Latency.Base = DefaultLatency
	}
	if p.Queue == 0 {
		p.Queue = DefaultQueue
	}
	return p
}

// Validate tells what is wrong with p.
func (p Path) Validate() error {
	var faults []error
	if p.Latency.Base < 0 || p.Latency.Base > MaxLatency || p.Latency.Spread < 0 || p.Latency.Spread > MaxLatency {
		faults = append(faults, errors.New("latency: want 0 to 1h"))
	}
	if p.Latency.Shape > HeavyTail {
		faults = append(faults, errors.New("latency: unknown shape"))
	}
	if p.Bandwidth < 0 || p.Bandwidth > 1<<40 {
		faults = append(faults, errors.New("bandwidth: want 0 to 2^40 bytes per second"))
	}
	if p.Queue < 0 || p.Queue > 1<<30 {
		faults = append(faults, errors.New("queue: want 0 to 2^30 bytes"))
	}
	if p.LossPPM < 0 || p.LossPPM > MaxLoss {
		faults = append(faults, errors.New("loss: want 0 to 900000 ppm"))
	}
	return errors.Join(faults...)
}

// delay turns 64 random bits into a latency, in ns.
func (l Latency) delay(u uint64) int64 {
	base, spread := int64(l.Base), int64(l.Spread)
	if spread == 0 {
		return base
	}
	switch l.Shape {
	case Uniform:
		return base + below(u, spread+1)
	case Exponential:
		return base + scaled(&exponential, u, spread)
	case HeavyTail:
		return base + scaled(&pareto, u, spread)
	}
	return base
}

// typical is the mean of the distribution, which retransmission rests on.
func (l Latency) typical() int64 {
	switch base, spread := int64(l.Base), int64(l.Spread); l.Shape {
	case Uniform:
		return base + spread/2
	case Exponential:
		return base + spread
	case HeavyTail:
		return base + 2*spread
	default:
		return base
	}
}

// deviation is about the mean distance from typical, at which QUIC's estimate
// of the variance comes to rest.
func (l Latency) deviation() int64 {
	switch spread := int64(l.Spread); l.Shape {
	case Uniform:
		return spread / 4
	case Exponential:
		return spread * 3 / 4
	case HeavyTail:
		return spread * 2
	default:
		return 0
	}
}
