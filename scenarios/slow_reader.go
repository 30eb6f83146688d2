package scenarios

import (
	"fmt"
	"time"
)

func slowReader() Scenario {
	s := Scenario{
		Name:     "slow-reader",
		Doc:      "Consumers that read 20 datums a second, of four sizes, from producers that are faster, through the product's own queues and windows. Must catch a consumer that is cut though it reads, a producer that is not paced by it, and a loss.",
		Duration: 5 * time.Minute,
		Hosts:    []Host{{Name: "producer"}, {Name: "slow"}, {Name: "quick"}},
	}
	for _, size := range []int{60, 100, 1000, 60_000} {
		name := fmt.Sprintf("of-%d", size)
		s.Streams = append(s.Streams, Stream{Name: name, Lag: "block"})
		s.Workload = append(s.Workload,
			Work{Host: "producer", Program: Produce, Stream: name, Every: time.Second, Burst: 100, Size: size},
			Work{Host: "slow", Program: Consume, Stream: name, Takes: 50 * time.Millisecond},
			Work{Host: "quick", Program: Consume, Stream: name})
	}
	return s
}
