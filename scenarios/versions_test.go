package scenarios_test

import (
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/scenarios"
)

// neighbours are a node of this version and one of another, each of which wants a
// stream of the other's if it is near.
func neighbours(next int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "neighbours", Duration: 2 * time.Minute,
		Hosts:   []scenarios.Host{{Name: "a"}, {Name: "p", Next: next}},
		Streams: []scenarios.Stream{{Name: "old", RTTBelow: time.Second}, {Name: "new", RTTBelow: time.Second}},
		Workload: []scenarios.Work{
			{Host: "a", Program: scenarios.Produce, Stream: "old", Every: time.Second},
			{Host: "p", Program: scenarios.Consume, Stream: "old"},
			{Host: "p", Program: scenarios.Produce, Stream: "new", Every: time.Second},
			{Host: "a", Program: scenarios.Consume, Stream: "new"},
		},
	}
}

func TestVersionsUnderstandEachOther(t *testing.T) {
	o := perform(t, neighbours(1))
	got := map[string]int{}
	for _, r := range o.records {
		switch r.Kind {
		case event.SessionRefused, event.EntryRefused, event.HandshakeRefused:
			t.Errorf("%s: %s", r.Host, r.Event)
		case event.Pinged:
			if r.Reason != 0 {
				t.Errorf("%s: %s", r.Host, r.Event)
			}
			got[r.Host+" pings"]++
		case event.AppReceived:
			got[r.Host+" receives"]++
		case event.Mark:
			got[r.Host+" "+r.Text]++
		}
	}
	for what, least := range map[string]int{
		"a pings": 2, "p pings": 2, "a receives": 100, "p receives": 100,
		"a stream/unknown-message": 1, "a discovery-unknown-message": 1, "a discovery-unknown-rumour": 1,
	} {
		if got[what] < least {
			t.Errorf("%s %d times, want %d or more", what, got[what], least)
		}
	}
	for _, none := range []string{"p stream/unknown-message", "p discovery-unknown-message", "p discovery-unknown-rumour"} {
		if got[none] > 0 {
			t.Errorf("%s %d times: there is nobody to say it", none, got[none])
		}
	}
}

func TestHostChangesItsVersionWithTheBootThatIsNamed(t *testing.T) {
	s := neighbours(2)
	s.Faults = []scenarios.Fault{{At: time.Minute, Fault: "restart p"}}
	o := perform(t, s)
	unknown := 0
	for _, r := range o.records {
		if r.Kind != event.Mark || !strings.Contains(r.Text, "unknown-") {
			continue
		}
		if unknown++; r.At < time.Minute.Nanoseconds() {
			t.Errorf("%s hears the next version at %s", r.Host, time.Duration(r.At))
		}
	}
	if unknown == 0 {
		t.Error("the host did not change its version")
	}
}

func TestMarkThatIsNotReachedFailsTheRun(t *testing.T) {
	s := neighbours(0)
	s.Marks = []string{"net.nothing"}
	for _, c := range []struct {
		until time.Duration
		want  scenarios.Verdict
	}{{0, scenarios.Liveness}, {time.Minute, scenarios.Pass}} {
		r, err := scenarios.Run(s, scenarios.Options{Seed: 1, Until: c.until})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != c.want {
			t.Errorf("until %s: %s %v, want %s", c.until, r.Verdict, r.Violations, c.want)
		}
	}
}
