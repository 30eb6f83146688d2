package fault

import (
	"fmt"
	"strings"
)

// MarkLure says that somebody was told a victim's address as that of another.
const MarkLure = "fault.lure"

var lureClass = Class{
	Name: "lure", Usage: "lure a b", Doc: "The first host, and some whom it made up, say that they live at the address of the second.",
	Marks: []string{MarkLure},
	parse: func(args string) (Fault, error) {
		names := strings.Fields(args)
		if len(names) != 2 || names[0] == names[1] {
			return nil, fmt.Errorf("%q is not two hosts", args)
		}
		list, err := hosts(strings.Join(names, ","))
		if err != nil || len(list) != 2 {
			return nil, fmt.Errorf("%q is not two hosts", args)
		}
		return &attack{class: "lure", host: list[0], args: list[1], victim: list[1], mark: MarkLure, begin: func() tactic { return lure }}, nil
	},
}

// decoys is how many there are of those who are made up.
const decoys = 8

func lure(l *liar) {
	victim, to := known(l.world, l.victim), l.other()
	if victim == nil || to == nil {
		return
	}
	addrs := []string{victim.Addr()}
	x := lies{entries: [][]byte{l.entry(l.self.Key(), l.now(), addrs)}}
	for i := range decoys {
		x.entries = append(x.entries, l.entry(l.invented(i), l.now(), addrs))
	}
	l.tell(to, x, l.taken)
}
