package fault

// MarkWithhold says that a ticket was not renewed when it should have been.
const MarkWithhold = "fault.withhold"

var withholdClass = Class{
	Name: "withhold", Usage: "withhold a", Doc: "The host gets no new tickets; at the end it gets those that it missed.",
	Marks: []string{MarkWithhold}, parse: turnOn("withhold"),
}
