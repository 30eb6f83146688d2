package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/smalti/smalti/netsim"
)

func longPartition() Scenario {
	s := Scenario{
		Name:     "long-partition",
		Doc:      "Two halves of a network do not reach each other for an hour, forget each other, and go on alone; the node that all began with leaves meanwhile. Must catch halves that stay apart afterwards, and a dead peer that comes back from the memory of somebody.",
		Duration: time.Hour + time.Minute,
		Quiesce:  2 * time.Minute,
		Latency:  10 * time.Millisecond,
		Jitter:   10 * time.Millisecond,
		Streams:  []Stream{{Name: "prices", Lag: "drop-oldest"}},
	}
	var sides [2][]string
	for i := range 12 {
		name := fmt.Sprintf("n%02d", i)
		s.Hosts = append(s.Hosts, Host{Name: name})
		sides[i%2] = append(sides[i%2], name)
	}
	s.Workload = []Work{
		{Host: "n02", Program: Produce, Stream: "prices", Every: 10 * time.Second, Size: 64},
		{Host: "n04", Program: Consume, Stream: "prices"},
		{Host: "n05", Program: Consume, Stream: "prices"},
		{Host: "n00", Program: Leave, Start: 30 * time.Minute},
	}
	s.Faults = []Fault{
		{At: 20 * time.Second, For: time.Hour, Fault: "partition " + strings.Join(sides[0], ",") + " | " + strings.Join(sides[1], ",")},
		{At: 10 * time.Minute, For: 40 * time.Minute, Fault: "crash n03"},
		{At: 30 * time.Minute, Fault: "restart n06"},
	}
	s.Marks = []string{netsim.MarkIdle}
	return s
}
