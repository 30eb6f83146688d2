package scenarios

import "time"

func criteriaMix() Scenario {
	return Scenario{
		Name:     "criteria-mix",
		Doc:      "Consumers of one stream want different datums, some with expressions that err, one loses its path, one is slow, and some datums cannot be encoded. Must catch a datum that matches and does not come, one that comes and does not match, and a gap that counts what nobody wanted.",
		Duration: 40 * time.Second,
		Latency:  5 * time.Millisecond,
		Jitter:   5 * time.Millisecond,
		Hosts:    []Host{{Name: "producer"}, {Name: "all"}, {Name: "some"}, {Name: "slow"}, {Name: "errs"}, {Name: "twin"}},
		Streams:  []Stream{{Name: "mixed", Lag: "drop-oldest", Queue: 16}, {Name: "paced", Lag: "block", BlockMax: 5 * time.Second, Queue: 16}},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "mixed", Every: 20 * time.Millisecond, Burst: 3, Size: 200},
			{Host: "producer", Program: Produce, Stream: "paced", Every: 20 * time.Millisecond, Size: 200},
			{Host: "all", Program: Consume, Stream: "mixed"},
			{Host: "some", Program: Consume, Stream: "mixed", Criteria: `kind == "a"`},
			{Host: "slow", Program: Consume, Stream: "mixed", Criteria: `kind == "a" || kind == "b"`, Takes: 15 * time.Millisecond, Queue: 8},
			{Host: "errs", Program: Consume, Stream: "mixed", Criteria: `missing == 1 || kind == "c"`},
			{Host: "twin", Program: Consume, Stream: "mixed", Criteria: `kind == "a"`},
			{Host: "all", Program: Consume, Stream: "paced", Criteria: `index > 100`},
			{Host: "some", Program: Consume, Stream: "paced", Criteria: `oneOf(kind, "b", "c") && size == 200`},
		},
		Faults: []Fault{
			{At: 10 * time.Second, Fault: "reset producer | some"},
			{At: 15 * time.Second, For: 3 * time.Second, Fault: "spoil producer"},
			{At: 25 * time.Second, For: 8 * time.Second, Fault: "partition producer | twin,all"},
		},
	}
}
