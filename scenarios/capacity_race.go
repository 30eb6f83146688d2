package scenarios

import (
	"fmt"
	"time"
)

func capacityRace() Scenario {
	s := Scenario{
		Name:     "capacity-race",
		Doc:      "Seven consumers race for three places while some crash and come back. Must catch a producer that admits one too many, keeps a place that nobody holds, or refuses while it has room.",
		Duration: 40 * time.Second,
		Latency:  15 * time.Millisecond,
		Jitter:   15 * time.Millisecond,
		Hosts:    []Host{{Name: "producer"}},
		Streams:  []Stream{{Name: "seats", MaxConsumers: 3}},
		Workload: []Work{{Host: "producer", Program: Produce, Stream: "seats", Every: 50 * time.Millisecond, Size: 64}},
	}
	for i := range maxContenders {
		name := fmt.Sprintf("c%d", i+1)
		s.Hosts = append(s.Hosts, Host{Name: name})
		s.Workload = append(s.Workload, Work{Host: name, Program: Consume, Stream: "seats"})
		if i < 4 {
			s.Faults = append(s.Faults, Fault{At: time.Duration(6+5*i) * time.Second, For: 4 * time.Second, Fault: "crash " + name})
		}
	}
	s.Faults = append(s.Faults, Fault{At: 20 * time.Second, For: 2 * time.Second, Fault: "partition producer | c5,c6"})
	return s
}
