package fault

// MarkCrawl says that a program misbehaved, or a ticket was refused, for this fault.
const MarkCrawl = "fault.crawl"

var crawlClass = Class{
	Name: "crawl", Usage: "crawl a 50ms", Doc: "Each datum takes the consumers on the host so long.",
	Marks: []string{MarkCrawl}, parse: turnTo("crawl"),
}
