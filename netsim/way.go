package netsim

// host is a name that paths and faults are told by.
type host struct {
	name string
	// How many faults cut off, or hold, everything that leaves and arrives.
	cutOut, cutIn, holdOut, holdIn int
	unreachable                    int    // faults that lose dials to it
	unreached                      uint64 // dials that were lost to them
}

// host gives the host called name, made at the first call.
func (n *Network) host(name string) *host {
	h := n.hosts[name]
	if h == nil {
		h = &host{name: name}
		n.hosts[name] = h
		n.order = append(n.order, h)
	}
	return h
}

// direction is the path from one host to another, one way.
type direction struct {
	n        *Network
	from, to *host
	path     Path
	key      uint64 // of draws
	cut      int    // faults that block it
	hold     int    // faults that hold it
	bitten   uint64 // times that a block or a hold stopped something
	free     int64  // when the line has sent what it was given
	stalled  []*session
	waiting  []*Link // for bandwidth, in order
	alarm    alarm
	rules    []*imposed // as they were imposed
	late     []*lane    // they may hold frames that were lost, or wait for the line
}

// way gives the direction between two hosts, made at the first call.
func (n *Network) way(from, to *host) *direction {
	pair := [2]*host{from, to}
	d := n.paths[pair]
	if d == nil {
		d = &direction{n: n, from: from, to: to, path: n.config.Default, key: keyOf(n.config.Seed, from.name, to.name)}
		d.alarm.init(n, d.room)
		n.paths[pair] = d
		n.ways = append(n.ways, d)
	}
	return d
}

func (d *direction) blocked() bool { return d.cut|d.from.cutOut|d.to.cutIn != 0 }
func (d *direction) held() bool    { return d.hold|d.from.holdOut|d.to.holdIn != 0 }

// occupy puts size bytes on the line and gives when the last one has left.
func (d *direction) occupy(now int64, size int) int64 {
	bandwidth, _, by := d.line()
	if by != nil && d.free > now {
		by.Bitten++
	}
	d.free = max(d.free, now)
	if bandwidth > 0 {
		d.free += int64(size) * 1e9 / bandwidth
	}
	return d.free
}

// crowded tells whether the queue for the line is full.
func (d *direction) crowded(now int64) bool {
	limit := d.queueTime()
	return limit > 0 && d.free-now > limit
}

// queueTime is how long a full queue keeps the line busy, 0 if there is none.
func (d *direction) queueTime() int64 {
	bandwidth, queue, _ := d.line()
	if bandwidth == 0 {
		return 0
	}
	return int64(queue) * 1e9 / bandwidth
}

// wait has l write again when half of the queue is free.
func (d *direction) wait(l *Link) {
	if l.lineWait {
		return
	}
	l.lineWait = true
	d.n.mark(MarkQueued)
	d.waiting = append(d.waiting, l)
	d.arm()
}

func (d *direction) arm() {
	if len(d.waiting) == 0 {
		return
	}
	d.alarm.set(d.free - d.queueTime()/2)
}

// room lets those who wait write, one after the other, until the queue is full
// again: who wrote and has more goes to the end of the line.
func (d *direction) room() {
	for i := len(d.waiting); i > 0 && !d.crowded(d.n.now()); i-- {
		l := d.waiting[0]
		d.waiting = append(d.waiting[:0], d.waiting[1:]...)
		l.lineWait = false
		l.write()
	}
	d.arm()
}

// backAfter is how long after a transmission one that got no answer is
// repeated: RFC 9002, section 6.2.1, once the estimate has settled, with 25 ms
// for the peer's delay of acknowledgements.
func (d *direction) backAfter() int64 {
	there, back := d, d.n.way(d.to, d.from)
	return there.typical() + back.typical() + max(granularity, 4*(there.deviation()+back.deviation())) + 25e6
}

// granularity is the least that RFC 9002 allows for variance, in ns.
const granularity = 1e6
