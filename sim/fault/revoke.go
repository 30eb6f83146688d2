package fault

// MarkRevoke says that a program misbehaved, or a ticket was refused, for this fault.
const MarkRevoke = "fault.revoke"

var revokeClass = Class{
	Name: "revoke", Usage: "revoke a", Doc: "The tickets of the host are on the deny-list of all who check.",
	Marks: []string{MarkRevoke}, parse: turnOn("revoke"),
}
