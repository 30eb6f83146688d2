package fault

import (
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim"
)

// MarkAccuse says that somebody whom a liar accused refuted it.
const MarkAccuse = "fault.accuse"

var accuseClass = Class{
	Name: "accuse", Usage: "accuse a", Doc: "The host, and some whom it made up, sign that others do not answer which do, one after the other.",
	Marks: []string{MarkAccuse}, parse: attackOf("accuse", MarkAccuse, func() tactic { return new(accuser).turn }),
}

const (
	// accomplices are enough, with the liar itself, to be believed.
	accomplices = 3
	// accusations is how often in a row one is accused, listeners how many are told
	// each time.
	accusations = 20
	listeners   = 3
)

// accuser is after one host for a while.
type accuser struct {
	victim  *sim.Host
	accused discovery.Version // of the victim
	friends [][]byte          // entries of the accomplices
	times   int
}

func (a *accuser) turn(l *liar) {
	if a.times == 0 {
		*a = accuser{victim: l.other(), friends: l.accomplices(), times: accusations}
	}
	if a.times--; a.victim == nil || !a.victim.Up() {
		a.times = 0
		return
	}
	l.ask(a.victim, func(s *discovery.Signed) {
		if s.Entry.Peer != a.victim.Key().PeerID() {
			return // asked of the one before
		}
		if (a.accused != discovery.Version{}) && s.Entry.Version.Compare(a.accused) > 0 {
			l.bit()
		}
		a.accused = s.Entry.Version
		x := lies{entries: a.friends, suspicions: l.accusations(s.Entry)}
		for _, h := range l.others(listeners) {
			if h != a.victim {
				l.tell(h, x, nil)
			}
		}
	})
}

// accomplices are entries of those who were made up. They are new each time, for who
// does not answer is not a member for long.
func (l *liar) accomplices() (entries [][]byte) {
	for i := range accomplices {
		entries = append(entries, l.entry(l.invented(i), l.now(), nil))
	}
	return entries
}

// accusations are the words of the liar and of its accomplices.
func (l *liar) accusations(of *discovery.Entry) (words [][]byte) {
	keys := []ident.Key{l.self.Key()}
	for i := range accomplices {
		keys = append(keys, l.invented(i))
	}
	for _, key := range keys {
		if word, err := discovery.SignSuspicion(of.Network, of.Peer, of.Version, key); err == nil {
			words = append(words, word.Raw())
		}
	}
	return words
}
