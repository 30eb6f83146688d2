package fault

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/netsim"
)

// MarkJitter says that something took longer on a path whose latency varied.
const MarkJitter = "fault.jitter"

// maxJitter is the largest spread of one fault.
const maxJitter = time.Minute

// shapes are the names of the distributions that a fault may ask for.
var shapes = map[string]netsim.Shape{"uniform": netsim.Uniform, "exponential": netsim.Exponential, "heavy-tail": netsim.HeavyTail}

var jitterClass = Class{
	Name: "jitter", Usage: "jitter a -> b,c heavy-tail 20ms", Doc: "What the first set of hosts sends to the second takes longer, each time another time: uniform up to so long, exponential with this mean, or with a heavy tail.",
	Marks: []string{MarkJitter},
	parse: func(args string) (Fault, error) {
		from, to, words, err := oneWay(args, 2)
		if err != nil {
			return nil, err
		}
		shape, known := shapes[words[0]]
		if !known {
			return nil, fmt.Errorf("%q is no shape, only uniform, exponential and heavy-tail", words[0])
		}
		spread, err := time.ParseDuration(words[1])
		if err != nil || spread <= 0 || spread > maxJitter {
			return nil, fmt.Errorf("%q is no spread of up to %s", words[1], maxJitter)
		}
		return &ruled{class: "jitter", from: from, to: to, args: words[0] + " " + spread.String(), mark: MarkJitter, rule: netsim.Rule{Latency: netsim.Latency{Shape: shape, Spread: spread}}}, nil
	},
}
