package scenarios

import (
	"fmt"
	"time"
)

// villageSize is how many nodes there are, liars of which every tenth is one; so many
// honest ones leave in order.
const (
	villageSize = 100
	liars       = 10
	leavers     = 6
)

func byzantine() Scenario {
	s := Scenario{
		Name:     "byzantine",
		Doc:      "Ten of a hundred nodes lie, in every way that there is, as long as faults last; some honest ones leave, and one loses power. Must catch a lie that is believed: a catalog that differs from others, a node that comes back after it left, a node that is hidden though it runs, an address that everybody dials because a liar named it.",
		Duration: 12 * time.Second,
		Quiesce:  30 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   20 * time.Millisecond,
		Streams:  []Stream{{Name: "prices", Lag: "drop-oldest"}},
		Workload: []Work{
			{Host: "n003", Program: Produce, Stream: "prices", Every: 50 * time.Millisecond, Size: 64},
			{Host: "n044", Program: Consume, Stream: "prices"},
			{Host: "n071", Program: Consume, Stream: "prices"},
		},
		Faults: []Fault{{At: 9 * time.Second, For: 2 * time.Second, Fault: "crash n033"}},
	}
	for i := range villageSize {
		s.Hosts = append(s.Hosts, Host{Name: fmt.Sprintf("n%03d", i)})
	}
	for i := range leavers {
		s.Workload = append(s.Workload, Work{Host: s.Hosts[villageSize/2+1+i].Name, Program: Leave, Start: 5*time.Second + time.Duration(i)*time.Second/2})
	}
	attacks := []string{
		"accuse %s 3", "besiege %s", "equivocate %s", "foreign %s", "forge %s", "future %s", "lure %s n050", "malform %s", "replay %s", "silent %s", "suppress %s", "sybil %s 10",
		"accuse %s 3", "suppress %s", "besiege %s", "suppress %s", "replay %s",
	}
	for i, attack := range attacks {
		liar := s.Hosts[i%liars*(villageSize/liars)+9].Name
		s.Faults = append(s.Faults, Fault{At: 2*time.Second + time.Duration(i)*100*time.Millisecond, Fault: fmt.Sprintf(attack, liar)})
	}
	return s
}
