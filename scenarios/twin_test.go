package scenarios_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/scenarios"
)

func TestKeyRunsTwiceWhileTheFaultLastsAndBothHostsRecover(t *testing.T) {
	s := stage("twin c d", 5*time.Second)
	s.Hosts = append(s.Hosts, scenarios.Host{Name: "d", Ticket: 20 * time.Second, Renew: 5 * time.Second}, scenarios.Host{Name: "e"})
	s.Workload = append(s.Workload, scenarios.Work{Host: "d", Program: scenarios.Consume, Stream: "s"})
	s.Duration = 45 * time.Second
	o := perform(t, s)
	nodes := func(from, to int64) map[ident.PeerID]int {
		m := map[ident.PeerID]int{}
		for _, r := range o.between(from, to, event.NodeStarted) {
			m[r.Node]++
		}
		return m
	}
	if before, during, after := nodes(0, 10), nodes(10, 29), nodes(30, 40); len(before) != 4 || len(during) != 1 || len(after) != 1 {
		t.Fatalf("%d nodes started before, %d during and %d after it, want 4, 1 and 1", len(before), len(during), len(after))
	} else {
		for id := range during {
			if before[id] != 1 || after[id] != 0 {
				t.Error("the second host did not boot with the key of the first, or did so again at the end")
			}
		}
		for id := range after {
			if before[id] != 1 {
				t.Error("the second host did not boot with its own key at the end")
			}
		}
	}
	if o.Marks[netsim.MarkTwin] == 0 {
		t.Error("the two never met")
	}
	got := map[string]int{}
	for _, r := range o.between(85, 100, event.AppReceived) {
		got[r.Host]++
	}
	if got["c"] < 140 || got["d"] < 140 {
		t.Errorf("datums in 15 s, a minute after the fault: %v, want 150 for c and d", got)
	}
}
