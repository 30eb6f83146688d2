package fault

import (
	"fmt"
	"slices"

	"github.com/smalti/smalti/runtime/discovery"
)

// MarkSybil says that somebody was told of peers that were made up.
const MarkSybil = "fault.sybil"

var sybilClass = Class{
	Name: "sybil", Usage: "sybil a 100", Doc: "The host makes up so many peers, and tells of them: some live at its own address, some nowhere, some do not say where.",
	Marks: []string{MarkSybil},
	parse: attackBy("sybil", MarkSybil, maxSybils, func(n int) tactic { return (&puppeteer{most: n}).turn }),
}

// maxSybils bounds the peers of one fault, brood how many are made up at each turn.
const (
	maxSybils = 10_000
	brood     = 16
)

// puppeteer makes up peers.
type puppeteer struct {
	most, made int
	entries    [][]byte
}

func (p *puppeteer) turn(l *liar) {
	var young [][]byte
	for ; len(young) < brood && p.made < p.most; p.made++ {
		var addrs []string
		switch p.made % 3 {
		case 0:
			addrs = []string{l.self.Addr()}
		case 1:
			addrs = []string{fmt.Sprintf("203.0.113.%d:%d", 1+p.made%250, 1024+p.made)} // TEST-NET-3, RFC 5737
		}
		young = append(young, l.entry(l.invented(p.made), discovery.Version{Started: l.millis(), Updated: l.millis()}, addrs))
	}
	if len(p.entries) < maxTape {
		p.entries = append(p.entries, young...)
	}
	for i, h := range l.others(2) {
		x := lies{entries: young}
		if i > 0 {
			x.entries = append(slices.Clone(young), p.entries[:min(brood, len(p.entries))]...)
		}
		if len(x.entries) > 0 {
			l.tell(h, x, l.taken)
		}
	}
}
