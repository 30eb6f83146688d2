package fault

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/netsim"
)

// MarkBurst says that something was lost in a burst.
const MarkBurst = "fault.burst"

// Bounds of the mean lengths of bursts and of what is between them.
const (
	minBurst = time.Millisecond
	maxBurst = time.Hour
)

var burstClass = Class{
	Name: "burst", Usage: "burst a -> b,c 200ms 2s", Doc: "For about so long, again and again after about so long, most of what the first set of hosts sends to the second is lost, and arrives later.",
	Marks: []string{MarkBurst},
	parse: func(args string) (Fault, error) {
		from, to, words, err := oneWay(args, 2)
		if err != nil {
			return nil, err
		}
		var mean [2]time.Duration
		for i, word := range words {
			mean[i], err = time.ParseDuration(word)
			if err != nil || mean[i] < minBurst || mean[i] > maxBurst {
				return nil, fmt.Errorf("%q is no mean from %s to %s", word, minBurst, maxBurst)
			}
		}
		return &ruled{class: "burst", from: from, to: to, args: mean[0].String() + " " + mean[1].String(), mark: MarkBurst, rule: netsim.Rule{Burst: mean[0], Gap: mean[1]}}, nil
	},
}
