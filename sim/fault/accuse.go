package fault

import (
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim"
)

// MarkAccuse says that somebody whom a liar accused refuted it.
const MarkAccuse = "fault.accuse"

var accuseClass = Class{
	Name: "accuse", Usage: "accuse a 3", Doc: "The host, and some whom it made up, sign of so many others at a time that they do not answer, which do.",
	Marks: []string{MarkAccuse},
	parse: attackBy("accuse", MarkAccuse, maxAccused, func(n int) tactic { return (&accuser{many: n}).turn }),
}

const (
	// maxAccused is the most that one fault accuses at a time.
	maxAccused = 64
	// accomplices are enough, with the liar itself, to be believed.
	accomplices = 3
	// Every so many turns all victims are accused, so often in a row; then it is the
	// turn of others. Each time so many listen.
	accuseTurns = 4
	accusations = 5
	listeners   = 3
)

// accuser is after some hosts for a while.
type accuser struct {
	many    int
	turns   int
	friends [][]byte // entries of the accomplices, new for each choice of victims: who does not answer is no member for long
	victims []*victim
}

// victim is a host that is accused, as of a version.
type victim struct {
	host  *sim.Host
	of    discovery.Version
	words [][]byte
}

func (a *accuser) turn(l *liar) {
	if a.turns%(accuseTurns*accusations) == 0 {
		a.friends, a.victims = l.accomplices(), nil
		for _, h := range l.others(a.many) {
			a.victims = append(a.victims, &victim{host: h})
		}
	}
	if a.turns%accuseTurns == 0 {
		told := l.others(listeners)
		for _, v := range a.victims {
			l.ask(v.host, func(s *discovery.Signed) {
				if v.of != (discovery.Version{}) && s.Entry.Version.Compare(v.of) > 0 {
					l.bit()
				}
				if v.of != s.Entry.Version {
					v.of, v.words = s.Entry.Version, l.accusations(s.Entry)
				}
				x := lies{entries: a.friends, suspicions: v.words}
				for _, h := range told {
					if h != v.host {
						l.tell(h, x, nil)
					}
				}
			})
		}
	}
	a.turns++
}

// accomplices are entries of those who were made up.
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
