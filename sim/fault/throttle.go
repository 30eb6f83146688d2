package fault

import (
	"fmt"
	"strconv"

	"github.com/smalti/smalti/netsim"
)

// MarkThrottle says that something waited for a narrow line.
const MarkThrottle = "fault.throttle"

// Bounds of the bandwidth of one fault, in bytes per second: the queue of the line
// is DefaultQueue, and must not hold more than a minute of it.
const (
	minThrottle = netsim.DefaultQueue / 60
	maxThrottle = 1 << 40
)

var throttleClass = Class{
	Name: "throttle", Usage: "throttle a -> b,c 65536", Doc: "From each of the first set of hosts to each of the second pass at most so many bytes a second; 64 KiB wait in the network, and more at the sender.",
	Marks: []string{MarkThrottle},
	parse: func(args string) (Fault, error) {
		from, to, words, err := oneWay(args, 1)
		if err != nil {
			return nil, err
		}
		rate, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil || rate < minThrottle || rate > maxThrottle {
			return nil, fmt.Errorf("%q is no rate from %d to 2^40 bytes a second", words[0], minThrottle)
		}
		return &ruled{class: "throttle", from: from, to: to, args: strconv.FormatInt(rate, 10), mark: MarkThrottle, rule: netsim.Rule{Bandwidth: rate}}, nil
	},
}
