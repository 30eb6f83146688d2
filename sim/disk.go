package sim

import (
	"bytes"
	"fmt"
	"io/fs"
	"time"

	"github.com/smalti/smalti/runtime"
)

// disk is what survives a crash of its host: the values whose Put was done.
type disk struct {
	values map[string][]byte
	writes int // Puts that a crash voids when it counts one up
}

// Latency of a durable write, from a fast SSD to a busy one.
const (
	writeMin = 50 * time.Microsecond
	writeMax = 5 * time.Millisecond
)

// crash loses what is not durable yet.
func (d *disk) crash() { d.writes++ }

// store is a host's disk as one incarnation sees it.
type store struct{ inc *incarnation }

var _ runtime.Store = store{}

func (s store) Get(name string) ([]byte, error) {
	if s.inc.dead {
		return nil, runtime.ErrCrashed
	}
	v, ok := s.inc.host.disk.values[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(v), nil
}

func (s store) Put(strand runtime.Strand, name string, data []byte, done func(error)) {
	if s.inc.dead {
		return
	}
	if len(data) > runtime.MaxStoreValue {
		strand.Post(func() {
			done(fmt.Errorf("put %s: %d bytes, at most %d: %w", name, len(data), runtime.MaxStoreValue, runtime.ErrTooLarge))
		})
		return
	}
	d := &s.inc.host.disk
	world := s.inc.host.world
	// One queue: a later write of a name is durable later.
	delay := world.root.inc.disks().Rand(s.inc.host.name).Duration(writeMin, writeMax)
	at := max(world.kernel.now+int64(delay), s.inc.written+1)
	s.inc.written = at
	life := d.writes
	world.Env().Clock.AfterFunc(world.root.inc.disks(), time.Duration(at-world.kernel.now), func() {
		if d.writes != life {
			return
		}
		if d.values == nil {
			d.values = map[string][]byte{}
		}
		d.values[name] = data
		strand.Post(func() { done(nil) })
	})
}

// disks is the world's strand on which writes become durable.
func (inc *incarnation) disks() runtime.Strand {
	if inc.disk == nil {
		inc.disk = scheduler{inc}.Strand("disks")
	}
	return inc.disk
}
