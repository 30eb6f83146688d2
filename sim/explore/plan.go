package explore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// ErrSyntax is wrapped by the errors of Parse.
var ErrSyntax = errors.New("malformed strategy")

// Bounds of what can be asked for. A lag is there to reorder work and timers,
// not to make a host slow: it stays far below every time-out of the product.
const (
	maxDepth   = 100
	maxDelays  = 1000
	maxLag     = 100 * time.Millisecond
	defaultLag = 5 * time.Millisecond
)

// stretch is how many choices, among two or more, a strategy makes before it draws anew what it
// drew at the beginning: priorities and places of changes, who starves. PCT and
// delay bounding were made for programs that end after a known number of steps;
// a run of nodes is a long sequence of short exchanges, and a stretch holds some
// of these.
const stretch = 1024

// Kind is one of the words that a strategy is made of.
type Kind struct {
	Name  string
	Usage string // the text form
	Doc   string // one sentence
}

// kinds are all words: orders, then what changes them.
var kinds = []Kind{
	{"random", "random", "Each strand that has work is as likely as each other to be next. The default."},
	{"fifo", "fifo", "Strands take turns in the order in which they got work."},
	{"lifo", "lifo", "The strand that got work last is next."},
	{"pct", "pct:3", "The strand of the highest priority is next; priorities are drawn, and change at so many places less one (PCT: Burckhardt et al., ASPLOS 2010)."},
	{"delay", "delay:8", "As fifo, but so many times in 1024 choices the next one has to let all others go first (delay bounding: Emmi, Qadeer and Rakamaric, POPL 2011)."},
	{"starve", "starve:5ms", "One strand gets its turns only when no other has work, and lags behind timers by up to so long, 5ms if nothing is said."},
	{"lag", "lag:5ms", "Now and then a timer goes first although there is work, which so lags by up to so long, 5ms if nothing is said."},
}

// List gives all words.
func List() []Kind { return slices.Clone(kinds) }

// Plan is a strategy before it is made for a world. Its zero value is random.
type Plan struct {
	order  string // "": random
	n      int    // depth of pct, delays of delay
	starve time.Duration
	lag    time.Duration
}

// Parse reads the text form of a strategy; "" is random.
func Parse(text string) (Plan, error) {
	var p Plan
	if text == "" {
		return p, nil
	}
	var seen []string
	ordered := ""
	for part := range strings.SplitSeq(text, "+") {
		name, arg, has := strings.Cut(part, ":")
		i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
		if i < 0 {
			return Plan{}, fmt.Errorf("parse strategy %q: no %q, only %s, joined by +: %w", text, part, usages(), ErrSyntax)
		}
		err := p.set(name, arg, has)
		switch {
		case err != nil:
		case slices.Contains(seen, name):
			err = errors.New("it stands twice")
		case name == "starve" || name == "lag":
		case ordered != "":
			err = fmt.Errorf("it is an order, and so is %s", ordered)
		default:
			ordered = name
		}
		if err != nil {
			return Plan{}, fmt.Errorf("parse strategy %q: %s: %w; want for example %q: %w", text, name, err, kinds[i].Usage, ErrSyntax)
		}
		seen = append(seen, name)
	}
	return p, nil
}

// Lag is how long a strand that has work may wait at most while timers go first.
func (p Plan) Lag() time.Duration { return p.starve + p.lag }

func usages() string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = k.Usage
	}
	return strings.Join(list, ", ")
}

// set takes one word with its argument.
func (p *Plan) set(name, arg string, has bool) (err error) {
	switch name {
	case "random", "fifo", "lifo":
		if has {
			return errors.New("it takes nothing")
		}
		if name != "random" {
			p.order = name
		}
	case "pct":
		p.order = name
		p.n, err = number(arg, maxDepth)
	case "delay":
		p.order = name
		p.n, err = number(arg, maxDelays)
	case "starve":
		p.starve, err = bound(arg, has)
	case "lag":
		p.lag, err = bound(arg, has)
	}
	return err
}

func number(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%q is no number from 1 to %d", text, most)
	}
	return n, nil
}

func bound(text string, has bool) (time.Duration, error) {
	if !has {
		return defaultLag, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxLag {
		return 0, fmt.Errorf("%q is no duration up to %s", text, maxLag)
	}
	return d, nil
}

// String is the text form, which Parse reads back.
func (p Plan) String() string {
	var parts []string
	if p.lag > 0 {
		parts = append(parts, "lag:"+p.lag.String())
	}
	if p.starve > 0 {
		parts = append(parts, "starve:"+p.starve.String())
	}
	switch {
	case p.n > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", p.order, p.n))
	case p.order != "":
		parts = append(parts, p.order)
	case len(parts) == 0:
		return "random"
	}
	return strings.Join(parts, "+")
}

// New makes the strategy for one world: nil, the kernel's own draw, if the plan is
// random.
func (p Plan) New(random *runtime.Rand) sim.Strategy {
	if p == (Plan{}) {
		return nil
	}
	var s sim.Strategy
	switch p.order {
	case "fifo":
		s = fifo{}
	case "lifo":
		s = lifo{}
	case "pct":
		s = newPCT(random, p.n)
	case "delay":
		s = newDelay(random, p.n)
	default:
		s = fair{random}
	}
	if p.starve > 0 {
		s = &starve{inner: s, random: random, most: p.starve}
	}
	if p.lag > 0 {
		s = &lag{inner: s, random: random, most: p.lag}
	}
	return s
}
