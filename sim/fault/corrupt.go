package fault

import "github.com/smalti/smalti/sim"

// MarkCorrupt says that a damaged value was read.
const MarkCorrupt = "fault.corrupt"

var corruptClass = Class{
	Name: "corrupt", Usage: "corrupt a", Doc: "The host loses power and boots again at once, and whatever it reads from its disk has a bit wrong.",
	Marks: []string{MarkCorrupt},
	parse: func(args string) (Fault, error) {
		host, err := one(args)
		return &store{
			class: "corrupt", host: host, mark: MarkCorrupt, begin: (*sim.Disk).Damage, end: (*sim.Disk).Mend, restarts: true,
			bites: func(b sim.DiskBites) uint64 { return b.Damaged },
		}, err
	},
}
