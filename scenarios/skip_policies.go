package scenarios

import "time"

func skipPolicies() Scenario {
	s := Scenario{
		Name:     "skip-policies",
		Doc:      "One consumer stops reading and one reads too slowly, under the lag policies that skip datums. Must catch a gap that counts wrong or stands in the wrong place, a skipped datum that nobody counted, and a consumer that loses its connection for being slow.",
		Duration: 60 * time.Second,
		Latency:  2 * time.Millisecond,
		Hosts:    []Host{{Name: "producer"}, {Name: "quick"}, {Name: "stalls"}, {Name: "slow"}},
		Streams:  []Stream{{Name: "newest", Lag: "drop-oldest", Queue: 64}, {Name: "oldest", Lag: "drop-newest", Queue: 64}},
	}
	for _, st := range s.Streams {
		s.Workload = append(s.Workload,
			Work{Host: "producer", Program: Produce, Stream: st.Name, Every: 200 * time.Millisecond, Burst: 20, Size: 4 << 10},
			Work{Host: "quick", Program: Consume, Stream: st.Name},
			Work{Host: "stalls", Program: Consume, Stream: st.Name, Queue: 32},
			Work{Host: "slow", Program: Consume, Stream: st.Name, Takes: 40 * time.Millisecond, Queue: 32})
	}
	s.Faults = []Fault{
		{At: 10 * time.Second, For: 20 * time.Second, Fault: "stall stalls"},
		{At: 40 * time.Second, For: 5 * time.Second, Fault: "crawl quick 30ms"},
	}
	return s
}
