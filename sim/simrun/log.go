package simrun

import (
	"fmt"
	"io"
	"strings"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/scenarios"
)

// The log shows the first and the last of what happened, in a column per host:
// logHead lines at once, logTail at the end. Sizes are in characters.
const (
	logHead  = 40
	logTail  = 20
	minWidth = 7
	maxWidth = 22
	maxLine  = 119 // a common terminal, less one
	timeSize = 12  // the time and a space
)

// legend explains the short forms of the log.
const legend = "s < a: a subscribes to s here; s <- a: s comes from a; s ! a: a is refused; s x a: a's subscription ends; -- the world"

// log prints the events of a run for a person.
type log struct {
	out     io.Writer
	all     bool
	columns map[string]int
	width   int
	peers   map[ident.PeerID]string // who has which host
	streams map[ident.StreamID]string
	printed int
	skipped int
	last    []string     // the latest of those that were not printed, a ring
	pending event.Record // what happened last, and its text: the next may be told in the same line
	text    string
}

func newLog(out io.Writer, s scenarios.Scenario, all bool) *log {
	l := &log{out: out, all: all, columns: map[string]int{}, peers: map[ident.PeerID]string{}, streams: map[ident.StreamID]string{}}
	for i, h := range s.Hosts {
		l.columns[h.Name] = i
	}
	for _, st := range s.Streams {
		l.streams[ident.Stream(st.Name)] = st.Name
	}
	l.width = min(maxWidth, max(minWidth, (maxLine-timeSize)/len(s.Hosts)-1))
	upTo := ""
	if s.Calm > 0 {
		upTo = "up to "
	}
	fmt.Fprintf(out, "%s, %s, %s, %s; %s, then %s%s to recover\n",
		count(len(s.Hosts), "host"), count(len(s.Streams), "stream"), count(len(s.Workload), "program"), count(len(s.Faults), "fault"), s.Duration, upTo, s.Recovery())
	if all {
		fmt.Fprintln(out)
		return l
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%*s ", timeSize-1, "seconds")
	for _, h := range s.Hosts {
		fmt.Fprintf(&head, "%-*s ", l.width, clip(h.Name, l.width))
	}
	fmt.Fprintf(out, "%s\n\n%s\n", legend, strings.TrimRight(head.String(), " "))
	return l
}

// observe takes every event; what happens on the data path is not shown.
func (l *log) observe(r *event.Record) {
	if r.Kind == event.NodeStarted {
		l.peers[r.Node] = r.Host
	}
	if l.all {
		fmt.Fprintf(l.out, "%s %-10s %s\n", seconds(r.At), r.Host, l.full(r))
		return
	}
	text := l.short(r)
	if text == "" {
		return
	}
	if p := &l.pending; r.Kind == event.PeerDiscovered && p.Kind == r.Kind && p.At == r.At && p.Host == r.Host {
		l.text += " " + l.peer(r.Peer)
		return
	}
	l.flush()
	l.pending, l.text = *r, text
}

// flush prints what is pending, or keeps it for the end.
func (l *log) flush() {
	if l.text == "" {
		return
	}
	line := l.line(&l.pending, l.text)
	l.text = ""
	if l.printed < logHead {
		l.printed++
		fmt.Fprintln(l.out, line)
		return
	}
	l.last = append(l.last, line)
	if len(l.last) > logTail {
		l.last = l.last[1:]
		l.skipped++
	}
}

// line puts text in the column of its host, or across all for the world's. It
// may run over the columns to the right, which are empty.
func (l *log) line(r *event.Record, text string) string {
	column, ok := l.columns[r.Host]
	if !ok {
		return fmt.Sprintf("%s -- %s", seconds(r.At), text)
	}
	indent := column * (l.width + 1)
	return seconds(r.At) + " " + strings.Repeat(" ", indent) + clip(text, max(l.width, maxLine-timeSize-indent))
}

// close prints what was kept for the end.
func (l *log) close() {
	l.flush()
	if l.skipped > 0 {
		fmt.Fprintf(l.out, "%*s %d more lines; --events shows all\n", timeSize-1, "...", l.skipped)
	}
	for _, line := range l.last {
		fmt.Fprintln(l.out, line)
	}
}

// full is an event with names in place of ids.
func (l *log) full(r *event.Record) string {
	text := r.String()
	if name, ok := l.peers[r.Peer]; ok {
		text = strings.Replace(text, "peer="+r.Peer.Short(), "peer="+name, 1)
	}
	if name, ok := l.streams[r.Stream]; ok {
		text = strings.Replace(text, "stream="+r.Stream.Short(), "stream="+name, 1)
	}
	return text
}

// short is the short form of what matters, "" for everything else.
func (l *log) short(r *event.Record) string {
	peer, stream := l.peer(r.Peer), l.stream(r.Stream)
	switch r.Kind {
	case event.NodeStarted:
		return "starts"
	case event.NodeClosing:
		return "closes"
	case event.NodeStopped:
		return "stopped"
	case event.PeerDiscovered:
		return "finds " + peer
	case event.PeerDeparted:
		return peer + " left"
	case event.PeerHidden:
		return "misses " + peer
	case event.PeerReturned:
		return "has " + peer + " again"
	case event.ProducerOpened:
		return "offers " + stream
	case event.ConsumerOpened:
		return "wants " + stream
	case event.SubAccepted:
		return fmt.Sprintf("%s < %s", stream, peer)
	case event.SubRefused:
		return fmt.Sprintf("%s ! %s %s", stream, peer, r.Reason)
	case event.SubEnded:
		return fmt.Sprintf("%s x %s %s", stream, peer, r.Reason)
	case event.Subscribed:
		return fmt.Sprintf("%s <- %s", stream, peer)
	case event.HostCrashed:
		return "crash of " + r.Text
	case event.HostRestarted:
		return "restart of " + r.Text
	case event.FaultBegan:
		return "begins: " + r.Text
	case event.FaultEnded:
		return "ends: " + r.Text
	case event.Quiesced:
		return "no more faults"
	}
	return ""
}

func (l *log) peer(id ident.PeerID) string {
	if name, ok := l.peers[id]; ok {
		return name
	}
	return id.Short()
}

// stream names a stream; those of other programs stand in no scenario.
func (l *log) stream(id ident.StreamID) string {
	if name, ok := l.streams[id]; ok {
		return name
	}
	return id.Short()
}

// clip shortens text to width.
func clip(text string, width int) string {
	if len(text) <= width {
		return text
	}
	return text[:width-1] + "~"
}
