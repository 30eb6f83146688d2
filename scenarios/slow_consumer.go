package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func slowConsumer() Scenario {
	return Scenario{
		Name:     "slow-consumer",
		Doc:      "One consumer stops reading, one reads too slowly and one in bursts, under both lag policies. Must catch queues without a bound, a slow consumer that delays another, and drops that nobody counted.",
		Duration: 60 * time.Second,
		Latency:  2 * time.Millisecond,
		Hosts:    []Host{{Name: "producer"}, {Name: "quick"}, {Name: "stalls"}, {Name: "slow"}, {Name: "gulps"}},
		Streams:  []Stream{{Name: "cut", Queue: 64}, {Name: "paced", Lag: "block", BlockMax: 10 * time.Second, Queue: 64}},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "cut", Every: 200 * time.Millisecond, Burst: 20, Size: 4 << 10},
			{Host: "producer", Program: Produce, Stream: "paced", Every: 200 * time.Millisecond, Burst: 20, Size: 4 << 10},
			{Host: "quick", Program: Consume, Stream: "cut"},
			{Host: "quick", Program: Consume, Stream: "paced"},
			{Host: "stalls", Program: Consume, Stream: "cut", StallAt: 10 * time.Second, StallFor: 20 * time.Second, Queue: 32},
			{Host: "stalls", Program: Consume, Stream: "paced", StallAt: 10 * time.Second, StallFor: 30 * time.Second, Queue: 32},
			{Host: "slow", Program: Consume, Stream: "cut", Takes: 40 * time.Millisecond, Queue: 32},
			{Host: "slow", Program: Consume, Stream: "paced", Takes: 12 * time.Millisecond, Queue: 32},
			{Host: "gulps", Program: Consume, Stream: "cut"},
			{Host: "gulps", Program: Consume, Stream: "paced"},
		},
		Faults: []Fault{{At: 5 * time.Second, For: 40 * time.Second, Fault: "gulp gulps 3s"}},
		Marks:  []string{fault.MarkGulp},
	}
}
