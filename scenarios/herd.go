package scenarios

import (
	"fmt"
	"time"
)

// herdSize is how many consumers want one of herdSlots places.
const (
	herdSize  = 500
	herdSlots = 50
)

func herd() Scenario {
	s := Scenario{
		Name:     "herd",
		Doc:      "Five hundred consumers want fifty places, and those who hold one lose it again and again. Must catch a producer that admits too many, keeps a place that nobody holds, or is worn out by those whom it refuses.",
		Duration: 20 * time.Second,
		Quiesce:  20 * time.Second,
		Latency:  5 * time.Millisecond,
		Jitter:   5 * time.Millisecond,
		Hosts:    []Host{{Name: "producer"}},
		Streams:  []Stream{{Name: "places", MaxConsumers: herdSlots, Lag: "drop-oldest"}},
		Workload: []Work{{Host: "producer", Program: Produce, Stream: "places", Every: 500 * time.Millisecond, Size: 64}},
	}
	const hosts = 50 // of ten consumers each: a peer may have sixteen
	for i := range hosts {
		name := fmt.Sprintf("c%02d", i)
		s.Hosts = append(s.Hosts, Host{Name: name})
		for range herdSize / hosts {
			s.Workload = append(s.Workload, Work{Host: name, Program: Consume, Stream: "places"})
		}
		if i%10 == 0 {
			s.Faults = append(s.Faults, Fault{At: time.Duration(5+i/5) * time.Second, Fault: "restart " + name})
		}
	}
	return s
}
