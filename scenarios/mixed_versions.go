package scenarios

import "time"

func mixedVersions() Scenario {
	s := Scenario{
		Name:     "mixed-versions",
		Doc:      "Half of the nodes are of the next version, which adds fields and kinds of messages. One of them leaves, for a while the others reach this version only through one node of it, then two more change over as they restart. Must catch a node that refuses, changes or drops what it does not know.",
		Duration: 60 * time.Second,
		Latency:  5 * time.Millisecond,
		Jitter:   5 * time.Millisecond,
		Streams:  []Stream{{Name: "old", Lag: "drop-newest"}, {Name: "new", Lag: "drop-oldest", Tickets: true}},
		Marks:    []string{MarkEntryForwarded, MarkDepartureForwarded, MarkSuspicionForwarded, "discovery-unknown-message", "discovery-unknown-rumour", "stream/unknown-message"},
		Faults: []Fault{
			{At: 10 * time.Second, For: 25 * time.Second, Fault: "bridge p,q,r,s,t | a | b,c,d,e"},
			{At: 12 * time.Second, For: 28 * time.Second, Fault: "crash e"},
			{At: 42 * time.Second, For: 2 * time.Second, Fault: "crash s"},
			{At: 45 * time.Second, For: 2 * time.Second, Fault: "crash c"},
			{At: 50 * time.Second, For: 2 * time.Second, Fault: "crash d"},
		},
	}
	for i, name := range []string{"a", "b", "c", "d", "e", "p", "q", "r", "s", "t"} {
		h := Host{Name: name}
		switch {
		case i >= 5:
			h.Next = 1
		case name == "c" || name == "d":
			h.Next = 2
		}
		s.Hosts = append(s.Hosts, h)
	}
	for _, i := range []int{1, 2, 6, 7} { // the consumers
		s.Hosts[i].Ticket, s.Hosts[i].Renew = 20*time.Second, 8*time.Second
	}
	s.Workload = []Work{
		{Host: "a", Program: Produce, Stream: "old", Every: 100 * time.Millisecond, Size: 64},
		{Host: "p", Program: Produce, Stream: "new", Every: 100 * time.Millisecond, Size: 64},
		{Host: "d", Program: Produce, Stream: "new", Every: 200 * time.Millisecond, Size: 64},
		{Host: "b", Program: Consume, Stream: "new"},
		{Host: "c", Program: Consume, Stream: "new"},
		{Host: "q", Program: Consume, Stream: "new"},
		{Host: "c", Program: Consume, Stream: "old"},
		{Host: "q", Program: Consume, Stream: "old"},
		{Host: "r", Program: Consume, Stream: "old"},
		{Host: "t", Program: Leave, Start: 8 * time.Second},
	}
	return s
}
