package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
)

// ErrDiskFull is why a write fails on a disk that a fault has filled.
var ErrDiskFull = errors.New("no space left on disk")

// MarkLostWrite says that a crash lost a write that was not durable yet.
const MarkLostWrite = "sim.lost-write"

// Disk is what survives a crash of its host: the values whose Put was done. Faults
// of it belong to the machine: a crash does not end them.
type Disk struct {
	values  map[string][]byte
	life    int           // counts crashes: Puts of an earlier one are void
	pending int           // Puts of this life that are not durable
	slow    time.Duration // on top of each write
	full    int           // faults that fill it
	damaged int           // and that damage what is read
	watch   []*func()     // hear of each write that begins
	bitten  DiskBites
}

// DiskBites count what faults of a disk did.
type DiskBites struct{ Slow, Full, Damaged, Lost uint64 }

// Disk gives the host's disk.
func (h *Host) Disk() *Disk { return &h.disk }

// Bitten counts what faults did so far: writes that took longer or were refused,
// values that were read back damaged, and writes that a crash lost.
func (d *Disk) Bitten() DiskBites { return d.bitten }

// Slow adds to the time that each write takes until it is durable; a negative by
// takes it off again.
func (d *Disk) Slow(by time.Duration) { d.slow = max(0, d.slow+by) }

// Fill has writes fail with ErrDiskFull, until as many Frees: what is there stays.
func (d *Disk) Fill() { d.full++ }

// Free undoes one Fill. One too many does nothing.
func (d *Disk) Free() { d.full = max(0, d.full-1) }

// Damage has values be read with one bit wrong, another one each time, until as many
// Mends: what is on the disk stays as it is.
func (d *Disk) Damage() { d.damaged++ }

// Mend undoes one Damage. One too many does nothing.
func (d *Disk) Mend() { d.damaged = max(0, d.damaged-1) }

// OnWrite has f be called when a write begins, which becomes durable later, until
// stop is called.
func (d *Disk) OnWrite(f func()) (stop func()) {
	x := &f
	d.watch = append(d.watch, x)
	return func() { d.watch = slices.DeleteFunc(d.watch, func(y *func()) bool { return x == y }) }
}

// Latency of a durable write, from a fast SSD to a busy one.
const (
	writeMin = 50 * time.Microsecond
	writeMax = 5 * time.Millisecond
)

// crash loses what is not durable yet. It tells whether that was something.
func (d *Disk) crash() bool {
	lost := d.pending
	d.bitten.Lost += uint64(lost)
	d.life++
	d.pending = 0
	return lost > 0
}

// store is a host's disk as one incarnation sees it.
type store struct{ inc *incarnation }

var _ runtime.Store = store{}

func (s store) Get(name string) ([]byte, error) {
	if s.inc.dead {
		return nil, runtime.ErrCrashed
	}
	d := &s.inc.host.disk
	v, ok := d.values[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	v = bytes.Clone(v)
	if d.damaged > 0 && len(v) > 0 {
		d.bitten.Damaged++
		bit := s.inc.host.world.root.inc.disks().Rand(s.inc.host.name + " damage").IntN(8 * len(v))
		v[bit/8] ^= 1 << (bit % 8)
	}
	return v, nil
}

func (s store) Put(strand runtime.Strand, name string, data []byte, done func(error)) {
	if s.inc.dead {
		return
	}
	d := &s.inc.host.disk
	var err error
	switch {
	case len(data) > runtime.MaxStoreValue:
		err = fmt.Errorf("put %s: %d bytes, at most %d: %w", name, len(data), runtime.MaxStoreValue, runtime.ErrTooLarge)
	case d.full > 0:
		d.bitten.Full++
		err = fmt.Errorf("put %s: %w", name, ErrDiskFull)
	}
	if err != nil {
		strand.Post(func() { done(err) })
		return
	}
	world := s.inc.host.world
	// One queue: a later write of a name is durable later.
	delay := world.root.inc.disks().Rand(s.inc.host.name).Duration(writeMin, writeMax)
	if d.slow > 0 {
		d.bitten.Slow++
		delay += d.slow
	}
	at := max(world.kernel.now+int64(delay), s.inc.written+1)
	s.inc.written = at
	life := d.life
	d.pending++
	world.Env().Clock.AfterFunc(world.root.inc.disks(), time.Duration(at-world.kernel.now), func() {
		if d.life != life {
			return
		}
		d.pending--
		if d.values == nil {
			d.values = map[string][]byte{}
		}
		d.values[name] = data
		strand.Post(func() { done(nil) })
	})
	for _, f := range slices.Clone(d.watch) {
		(*f)()
	}
}

// disks is the world's strand on which writes become durable.
func (inc *incarnation) disks() runtime.Strand {
	if inc.disk == nil {
		inc.disk = scheduler{inc}.Strand("disks")
	}
	return inc.disk
}

// loses reports what a crash cost the host's disk.
func (h *Host) loses() {
	if h.disk.crash() && !h.world.closed {
		h.world.Report(&event.Event{Kind: event.Mark, Text: MarkLostWrite})
	}
}
