package simrun

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
)

// traced runs one seed, with a trace into a file unless its path is "".
func (a *app) traced(seed uint64, path string) (r scenarios.Result, took time.Duration, err error) {
	if path == "" {
		return a.play(seed, nil, nil)
	}
	f, err := os.Create(path)
	if err != nil {
		return r, 0, err
	}
	w := bufio.NewWriter(f)
	r, took, err = a.play(seed,
		func(e *event.Record) { traceEvent(w, e) },
		func(s sim.Step) {
			fmt.Fprintf(w, "step %d at %s on %s: strand %d %s\n", s.Number, s.At, s.Host, s.ID, s.Strand)
		})
	if failed := w.Flush(); err == nil {
		err = failed
	}
	if failed := f.Close(); err == nil {
		err = failed
	}
	return r, took, err
}

// traceEvent prints all that the hash of a run has of an event.
func traceEvent(w io.Writer, e *event.Record) {
	fmt.Fprintf(w, "event at %s on %s, boot %d: %s wall=%d mono=%d node=%x peer=%x stream=%x sub=%d incarnation=%d from=%d to=%d n=%d bytes=%d reason=%s text=%q\n",
		time.Duration(e.At), e.Host, e.Boot, e.Kind, e.Wall, e.Mono, e.Node[:], e.Peer[:], e.Stream[:], e.Sub, e.Incarnation, e.From, e.To, e.N, e.Bytes, e.Reason, e.Text)
}

// traceContext is how many lines of each side a divergence is shown with.
const traceContext = 20

// divergence is the first place at which two traces differ.
type divergence struct {
	line   int         // counted from 1; 0: they are the same
	before []string    // what both have before it, the last of it
	after  [2][]string // how each goes on; nothing where one ends
}

// diverge compares two traces line by line.
func diverge(a, b io.Reader) (d divergence, err error) {
	const maxLine = 16 << 20 // a panic's stack
	var lines [2]*bufio.Scanner
	for i, r := range []io.Reader{a, b} {
		lines[i] = bufio.NewScanner(r)
		lines[i].Buffer(nil, maxLine)
	}
	next := func() (text [2]string, ok [2]bool) {
		for i, l := range lines {
			if ok[i] = l.Scan(); ok[i] {
				text[i] = l.Text()
			}
		}
		return text, ok
	}
	for n := 1; ; n++ {
		text, ok := next()
		if ok[0] && ok[1] && text[0] == text[1] {
			d.before = append(d.before, text[0])
			if len(d.before) > traceContext {
				d.before = d.before[1:]
			}
			continue
		}
		if ok[0] || ok[1] {
			d.line = n
		}
		for ok[0] || ok[1] {
			for i := range text {
				if ok[i] && len(d.after[i]) < traceContext {
					d.after[i] = append(d.after[i], text[i])
				}
			}
			if len(d.after[0])+len(d.after[1]) == 2*traceContext {
				break
			}
			text, ok = next()
		}
		for _, l := range lines {
			if err == nil {
				err = l.Err()
			}
		}
		return d, err
	}
}
