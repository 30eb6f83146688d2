package fault

import "github.com/smalti/smalti/runtime/wire"

// MarkBulk says that a producer made a datum large.
const MarkBulk = "fault.bulk"

// maxBulk is the largest datum: what producers send unless told otherwise.
const maxBulk = wire.DefaultDatum

var bulkClass = Class{
	Name: "bulk", Usage: "bulk a 65536", Doc: "The producers on the host send datums of so many bytes.",
	Marks: []string{MarkBulk}, parse: turnUp("bulk", maxBulk),
}
