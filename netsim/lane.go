package netsim

import (
	"encoding/binary"
	"slices"
)

// lane is a queue of frames from one end of a connection to the other: one per
// session and one per link, each way. Frames arrive in the order of the queue.
type lane struct {
	s      *session // the sender's
	key    uint64   // of draws: hosts and protocol
	queue  []frame
	head   int
	last   int64 // when the newest frame arrives
	floor  int64 // no further frame arrives before
	alarm  alarm
	parked bool // in s.parked: blocked or held
	late   bool // in way.late
	early  bool // in the receiver's early: it is not up yet
}

func (ln *lane) init(s *session, proto string) {
	ln.s, ln.key = s, keyOfText(s.way.key, proto)
	ln.alarm.init(s.n, ln.fire)
}

// reset makes the lane as new.
func (ln *lane) reset() {
	if ln.late {
		d := ln.s.way
		d.late = slices.DeleteFunc(d.late, func(other *lane) bool { return other == ln })
	}
	*ln = lane{}
}

func (ln *lane) empty() bool { return ln.head == len(ln.queue) }

// send puts f on the wire.
func (ln *lane) send(f *frame) {
	s := ln.s
	d, now := s.way, s.n.now()
	f.sent = now
	s.spoke(now)
	if d.blocked() {
		if f.kind == kClose {
			s.n.mark(MarkCloseLost)
			return
		}
		s.n.mark(MarkBlocked)
		d.bitten++
		f.arrive, f.sent = lost, 0
		s.missed(now)
		first := ln.empty()
		ln.push(f)
		if first {
			ln.park()
		}
		return
	}
	if s.lostAt != 0 {
		s.recoverWithin(now, s.roundTrip()) // an acknowledgement of f tells what is missing
	}
	f.left = max(now, d.free)
	if f.size > 0 {
		f.left = d.occupy(now, f.size)
	}
	if f.left > now {
		d.addLate(ln)
	}
	f.own = max(ln.floor, f.left+ln.delay(f))
	f.arrive = max(ln.last, f.own)
	ln.last = f.arrive
	s.latest = max(s.latest, f.arrive)
	ln.push(f)
	ln.arm()
}

// delay draws how long f, which is sent now, is under way.
func (ln *lane) delay(f *frame) int64 {
	d := ln.s.way
	p := &d.path
	if p.LossPPM == 0 && len(d.rules) == 0 && (p.Latency.Shape == Fixed || p.Latency.Spread == 0) {
		return int64(p.Latency.Base)
	}
	u := d.n.draw(f.digest(ln.key))
	delay := d.latency(u)
	if p.LossPPM == 0 && len(d.rules) == 0 {
		return delay
	}
	now := d.n.now()
	if again := d.backAfter(); len(d.rules) > 0 && delay > again {
		f.sent = 0 // it is sent again, and that may overtake it
		delay = min(delay, again+d.latency(mix(u, mix2)))
		ln.miss(f, now)
	}
	return delay + ln.transmit(f, u, now) - now
}

// transmit draws when f, which was sent first at a time, is sent so that it arrives. It is
// sent again after ever longer, but once the next keep-alive was heard of the sender knows
// that this one was not (RFC 9002, 6.1).
func (ln *lane) transmit(f *frame, u uint64, first int64) int64 {
	d := ln.s.way
	now, at, again := d.n.now(), first, d.backAfter()
	most := int64(ln.s.t.config.KeepAlive) + again
	for {
		if at >= now {
			ppm, by := d.lossAt(now, at)
			u = mix(u, d.key)
			if below(u, 1_000_000) >= ppm || at-first > 60e9 {
				return at
			}
			d.n.mark(MarkLost)
			f.sent = 0
			ln.miss(f, first)
			if by != nil {
				by.Bitten++
			}
		}
		at += again
		again = min(2*again, most)
	}
}

// miss notes that f, which was sent first at a time, arrives by a later transmission.
func (ln *lane) miss(f *frame, first int64) {
	f.missed, f.first = true, first
	ln.s.way.addLate(ln)
}

// redraw has what was lost be sent again when it is due next, and what waits for the line
// leave earlier, after a change.
func (ln *lane) redraw(leaves func(left int64) int64) {
	s := ln.s
	now := s.n.now()
	last := now
	again := false // after the next change
	for i := ln.head; i < len(ln.queue); i++ {
		f := &ln.queue[i]
		if f.arrive == lost {
			s.way.addLate(ln)
			return // that is sent again when the block is over
		}
		again = again || f.missed || f.left > now
		if f.missed && f.own > now {
			u := s.n.draw(f.digest(ln.key))
			f.own = min(f.own, ln.transmit(f, u, f.first)+s.way.latency(u))
		}
		if f.left > now {
			left := leaves(f.left)
			f.own = max(ln.floor, f.own-f.left+left)
			f.left = left
		}
		f.arrive = max(f.own, last)
		last = f.arrive
	}
	if again {
		s.way.addLate(ln)
	}
	ln.last = last
	ln.arm()
}

func (f *frame) digest(key uint64) uint64 {
	key = mix(key, uint64(f.kind)<<48|uint64(f.size)<<16|uint64(f.reason))
	switch {
	case f.kind == kMessage:
		return digest(key, f.msg)
	case f.hello != nil:
		return mix(key, binary.LittleEndian.Uint64(f.hello.Instance[:]))
	}
	return mix(key, uint64(f.limit))
}

func (ln *lane) push(f *frame) {
	ln.s.n.account(f)
	if ln.head > 0 && len(ln.queue) == cap(ln.queue) {
		rest := copy(ln.queue, ln.queue[ln.head:])
		clear(ln.queue[rest:])
		ln.queue, ln.head = ln.queue[:rest], 0
	}
	ln.queue = append(ln.queue, *f)
	ln.s.n.count++
}

// clear forgets all frames.
func (ln *lane) clear() {
	ln.s.n.count -= len(ln.queue) - ln.head
	clear(ln.queue[ln.head:])
	ln.queue, ln.head = ln.queue[:0], 0
}

// arm has the timer fire when the first frame arrives, or earlier: then it is
// armed again.
func (ln *lane) arm() {
	if ln.parked || ln.early || ln.empty() {
		return
	}
	ln.alarm.set(ln.queue[ln.head].arrive)
}

// fire delivers what has arrived.
func (ln *lane) fire() {
	if ln.parked || ln.early {
		return
	}
	s := ln.s
	now := s.n.now()
	for !ln.empty() {
		f := &ln.queue[ln.head]
		switch {
		case s.state == dead && (f.arrive == lost || f.kind == kInitial):
			ln.clear()
			return
		case f.arrive == lost: // sent during a block, behind what was under way
			s.missed(now)
			ln.park()
			if !s.way.blocked() && !s.way.held() {
				s.recover.set(s.nextProbe(now))
			}
			return
		case f.arrive > now:
			ln.arm()
			return
		case s.way.blocked():
			ln.lose(now)
			return
		case s.way.held():
			s.n.mark(MarkHeld)
			s.way.bitten++
			ln.park()
			return
		case f.kind == kInitial && !s.knock():
			s.n.mark(MarkNobody)
			f.arrive, f.sent = lost, 0
			s.missed(now)
			ln.park()
			s.recover.set(s.nextProbe(now))
			return
		case f.kind >= kOpen && s.other.state < up:
			ln.early = true
			s.other.early = append(s.other.early, ln)
			return
		}
		arrived := *f
		*f = frame{}
		ln.head++
		s.n.count--
		s.other.receive(&arrived, now)
	}
	ln.queue, ln.head = ln.queue[:0], 0
}

// lose marks what arrived during a block. Nobody sends it again when its
// sender is gone.
func (ln *lane) lose(now int64) {
	if ln.s.state == dead {
		ln.s.n.mark(MarkCloseLost)
		ln.clear()
		return
	}
	ln.s.n.mark(MarkBlocked)
	ln.s.way.bitten++
	for i := ln.head; i < len(ln.queue) && ln.queue[i].arrive <= now; i++ {
		ln.queue[i].arrive, ln.queue[i].sent = lost, 0
	}
	ln.s.missed(now)
	ln.park()
}

// park takes the lane out of service until its session goes on.
func (ln *lane) park() {
	if ln.parked {
		return
	}
	ln.parked = true
	s := ln.s
	s.parked = append(s.parked, ln)
	if !s.stalled {
		s.stalled = true
		s.way.stalled = append(s.way.stalled, s)
	}
}

// retry sends again what was lost.
func (ln *lane) retry(now int64) {
	ln.last = now
	for i := ln.head; i < len(ln.queue); i++ {
		f := &ln.queue[i]
		if f.arrive == lost {
			f.own = max(now, ln.s.way.free) + ln.delay(f)
			f.sent = 0
		}
		f.arrive = max(f.own, ln.last)
		ln.last = f.arrive
	}
	ln.s.latest = max(ln.s.latest, ln.last)
}
