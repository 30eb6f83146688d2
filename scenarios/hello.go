package scenarios

import "time"

func hello() Scenario {
	return Scenario{
		Name:     "hello",
		Doc:      "Two nodes find each other and one stream flows. If this fails, nothing works.",
		Duration: 5 * time.Second,
		Quiesce:  10 * time.Second,
		Latency:  5 * time.Millisecond,
		Hosts:    []Host{{Name: "a"}, {Name: "b"}},
		Streams:  []Stream{{Name: "greetings"}},
		Workload: []Work{
			{Host: "a", Program: Produce, Stream: "greetings", Every: 50 * time.Millisecond, Size: 64},
			{Host: "b", Program: Consume, Stream: "greetings"},
		},
	}
}
