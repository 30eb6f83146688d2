package netsim

import (
	"slices"

	"github.com/smalti/smalti/runtime"
)

// port is one binding of a link: its strand, its handler, and the one function
// that is posted there. A link that is handed over has a new port; what the old
// one had posted finds that it is not the link's any more.
type port struct {
	l       *Link
	strand  runtime.Strand
	handler runtime.Handler
	posted  bool
	run     func()
}

// Bind implements runtime.Link.
func (l *Link) Bind(s runtime.Strand, h runtime.Handler) {
	if l.t.crashed {
		return
	}
	if l.port == nil && !l.opener && l.state != closed {
		l.t.unbound--
		l.greet = acceptSize
		l.kick()
	}
	p := &port{l: l, strand: s, handler: h}
	p.run = p.deliver
	l.port = p
	if l.opened || l.writable || l.ended || len(l.in) > l.inHead {
		l.post()
	}
}

// Pause implements runtime.Link.
func (l *Link) Pause() {
	if l.t.crashed {
		return
	}
	l.paused = true
	l.confirm()
}

// Resume implements runtime.Link.
func (l *Link) Resume() {
	l.paused = false
	l.grantLarge()
	if len(l.in) > l.inHead {
		l.post()
	}
}

// More implements runtime.Link.
func (l *Link) More() bool {
	return l.due > 0 && !l.paused && l.state == open && !l.in[l.inHead].bye
}

// post has the port deliver, in a turn of the link's strand.
func (l *Link) post() {
	if p := l.port; p != nil && !p.posted {
		p.posted = true
		p.strand.Post(p.run)
	}
}

// deliver tells the handler what is due: at most the messages that were in the
// inbox when it began.
func (p *port) deliver() {
	p.posted = false
	l := p.l
	if l.port != p || l.t.crashed {
		return
	}
	if l.ended {
		l.ended = false
		l.resultTaken()
		p.handler.OnClosed(l.result)
		return
	}
	if l.opened {
		l.opened = false
		p.handler.OnOpen()
	}
	l.due = len(l.in) - l.inHead
	for l.due > 0 && l.port == p && l.handed() && l.state == open {
		l.due--
		it := l.in[l.inHead]
		l.in[l.inHead] = item{}
		l.inHead++
		if it.bye {
			l.farewell(it.reason)
			break
		}
		p.handler.OnMessage(slices.Clone(it.msg)) // the sender shares it, as no network does
		if l.state == open {
			l.took(it.cost)
		}
	}
	if l.writable && l.port == p && l.state == open {
		l.writable = false
		p.handler.OnWritable()
	}
	if l.inHead == len(l.in) {
		l.in, l.inHead = l.in[:0], 0
	}
	l.confirm()
	if l.port == p && l.handed() {
		l.post()
	}
}

// handed reports whether something is there for the handler: a goodbye for one that is
// paused too.
func (l *Link) handed() bool {
	return len(l.in) > l.inHead && (!l.paused || l.in[l.inHead].bye)
}

// resultTaken fixes the reason: the handler has heard it.
func (l *Link) resultTaken() {
	if l.resets {
		l.write()
	}
}
