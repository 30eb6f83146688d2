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
		return &attack{class: "lure", host: list[0], args: list[1], victim: list[1], mark: MarkLure, begin: func() tactic { return new(fowler).turn }}, nil
	},
}

const (
	// decoys is how many there are of those who are made up.
	decoys = 8
	// moults is after how many turns all say again where they live, so that who was
	// found missing is back.
	moults = 16
)

// fowler puts decoys out.
type fowler struct {
	turns int
	tells lies
}

func (f *fowler) turn(l *liar) {
	victim, to := known(l.world, l.victim), l.other()
	if victim == nil || to == nil {
		return
	}
	if f.turns%moults == 0 {
		f.tells.entries = nil
		for i := range decoys {
			f.tells.entries = append(f.tells.entries, l.entry(l.invented(i), l.now(), []string{victim.Addr()}))
		}
		f.tells.entries = append(f.tells.entries, l.entry(l.self.Key(), l.now(), []string{victim.Addr()}))
	}
	f.turns++
	l.tell(to, f.tells, l.taken)
}
