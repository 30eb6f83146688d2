package fault

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/sim"
)

// MarkSlowDisk says that a write took longer.
const MarkSlowDisk = "fault.slowdisk"

// maxSlowDisk is the longest write of one fault.
const maxSlowDisk = 10 * time.Minute

var slowdiskClass = Class{
	Name: "slowdisk", Usage: "slowdisk a 500ms", Doc: "What the host writes is durable so much later.",
	Marks: []string{MarkSlowDisk},
	parse: func(args string) (Fault, error) {
		host, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		by, err := time.ParseDuration(amount)
		if err != nil || by <= 0 || by > maxSlowDisk {
			return nil, fmt.Errorf("%q is no time of up to %s for a write", amount, maxSlowDisk)
		}
		return &store{
			class: "slowdisk", host: host, args: by.String(), mark: MarkSlowDisk,
			begin: func(d *sim.Disk) { d.Slow(by) }, end: func(d *sim.Disk) { d.Slow(-by) },
			bites: func(b sim.DiskBites) uint64 { return b.Slow },
		}, nil
	},
}
