package fault

import (
	"time"

	"github.com/smalti/smalti/runtime/discovery"
)

// MarkFuture says that somebody was told an entry of the far future.
const MarkFuture = "fault.future"

var futureClass = Class{
	Name: "future", Usage: "future a", Doc: "The host tells entries of its own that are minutes to weeks ahead of all clocks.",
	Marks: []string{MarkFuture}, parse: attackOf("future", MarkFuture, func() tactic { return future }),
}

// ahead is by how much, least and most: the least is above what nodes allow, and the
// clocks of hosts are wrong by.
const leastAhead, mostAhead = 10 * time.Minute, 30 * 24 * time.Hour

func future(l *liar) {
	v := l.now()
	v.Updated += l.rand.Duration(leastAhead, mostAhead).Milliseconds()
	if l.rand.Chance(500_000) {
		v.Started = v.Updated
	}
	departure, _ := discovery.SignDeparture(l.self.Config().Network, v, l.self.Key())
	if h := l.other(); h != nil {
		l.tell(h, lies{entries: [][]byte{l.entry(l.self.Key(), v, []string{l.self.Addr()})}, departures: [][]byte{departure.Raw()}}, l.taken)
	}
}
