package fault

// MarkSpoil says that a program misbehaved, or a ticket was refused, for this fault.
const MarkSpoil = "fault.spoil"

var spoilClass = Class{
	Name: "spoil", Usage: "spoil a", Doc: "What the producers on the host send cannot be encoded.",
	Marks: []string{MarkSpoil}, parse: turnOn("spoil"),
}
