package fault

import "github.com/smalti/smalti/sim"

// MarkFullDisk says that a write failed.
const MarkFullDisk = "fault.fulldisk"

var fulldiskClass = Class{
	Name: "fulldisk", Usage: "fulldisk a", Doc: "The host's disk is full: what it writes fails, and what was there stays.",
	Marks: []string{MarkFullDisk},
	parse: func(args string) (Fault, error) {
		host, err := one(args)
		return &store{
			class: "fulldisk", host: host, mark: MarkFullDisk, begin: (*sim.Disk).Fill, end: (*sim.Disk).Free,
			bites: func(b sim.DiskBites) uint64 { return b.Full },
		}, err
	},
}
