package scenarios

import "time"

func driftingPath() Scenario {
	return Scenario{
		Name:     "drifting-path",
		Doc:      "A producer wants near consumers, and the path to one becomes longer, far too long, and short again. Must catch somebody far away who is admitted or stays, and somebody on the border who comes and goes.",
		Duration: 20 * time.Minute,
		Latency:  5 * time.Millisecond,
		Jitter:   time.Millisecond,
		Hosts:    []Host{{Name: "producer"}, {Name: "near"}, {Name: "drifts"}},
		Streams:  []Stream{{Name: "fast", RTTBelow: 30 * time.Millisecond}},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "fast", Every: 500 * time.Millisecond, Size: 64},
			{Host: "near", Program: Consume, Stream: "fast"},
			{Host: "drifts", Program: Consume, Stream: "fast"},
		},
		Faults: []Fault{
			{At: time.Minute, For: 4 * time.Minute, Fault: "slow producer -> drifts 20ms"},
			{At: 6 * time.Minute, For: 8 * time.Minute, Fault: "slow producer -> drifts 150ms"},
		},
	}
}
