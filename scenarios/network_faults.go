package scenarios

import (
	"fmt"
	"time"
)

// overlayHosts is how many hosts the scenarios of partial partitions have.
const overlayHosts = 12

// overlay is a network of some nodes with a stream, for faults of the network.
func overlay(name, doc string, faults ...Fault) Scenario {
	s := Scenario{
		Name: name, Doc: doc, Duration: 90 * time.Second, Quiesce: 80 * time.Second,
		Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond,
		Streams: []Stream{{Name: "prices", Lag: "drop-oldest"}},
		Workload: []Work{
			{Host: "a", Program: Produce, Stream: "prices", Every: 100 * time.Millisecond, Size: 64},
			{Host: "f", Program: Consume, Stream: "prices"},
			{Host: "l", Program: Consume, Stream: "prices"},
		},
		Faults: faults,
	}
	for i := range overlayHosts {
		s.Hosts = append(s.Hosts, Host{Name: fmt.Sprintf("%c", 'a'+i)})
	}
	return s
}

func bridge() Scenario {
	return overlay("bridge",
		"Two groups that do not reach each other, and some nodes that reach both; later one node alone does. Must catch a node that is taken for dead by those who only cannot reach it and comes and goes for ever, and news that does not cross the bridge.",
		Fault{At: 5 * time.Second, For: 35 * time.Second, Fault: "bridge a,b,c,d,e | f,g | h,i,j,k,l"},
		Fault{At: 50 * time.Second, For: 35 * time.Second, Fault: "bridge a,c,e,g,i | k | b,d,f,h,j,l"})
}

func ring() Scenario {
	return overlay("ring",
		"Each node reaches two others only, for half a minute. Must catch news that needs more than neighbours, and nodes that do not come back from being taken for dead by nearly everybody.",
		Fault{At: 5 * time.Second, For: 30 * time.Second, Fault: "ring a,b,c,d,e,f,g,h,i,j,k,l"},
		Fault{At: 50 * time.Second, For: 10 * time.Second, Fault: "ring a,g,b,h,c,i,d,j,e,k,f,l"})
}

func flapping() Scenario {
	return overlay("flapping",
		"Partitions that come and go, faster and slower than sessions notice, and clogs that wander over hosts. Must catch states that only a half-open network shows: links that one side has, and suspicions that overtake their refutation.",
		Fault{At: 5 * time.Second, For: 30 * time.Second, Fault: "flap a,b,c,d,e,f | g,h,i,j,k,l 3s"},
		Fault{At: 20 * time.Second, For: 60 * time.Second, Fault: "flap a,l | c,d,e 17s"},
		Fault{At: 40 * time.Second, For: 40 * time.Second, Fault: "swizzle b,e,h,k 2s"})
}
