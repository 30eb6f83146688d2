package fault_test

import (
	"bytes"
	"errors"
	"math/bits"
	"testing"
	"time"

	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// save writes a value on host a and gives when it was durable, since now, and why not.
func (b *bed) save(value string) (after time.Duration, err error) {
	b.Helper()
	began, done := b.Now(), false
	env := b.host.Env()
	env.Save(env.Scheduler.Strand("s"), "value", []byte(value), func(e error) { after, err, done = b.Now()-began, e, true })
	b.to(b.Now() + 2*time.Second)
	if !done {
		err = errors.New("never done")
	}
	return after, err
}

func (b *bed) load() string {
	b.Helper()
	v, err := b.host.Env().Load("value")
	if err != nil {
		b.Error(err)
	}
	return string(v)
}

func TestSlowDiskWritesLate(t *testing.T) {
	b := newBed(t)
	f, over := b.parse("slowdisk a 1s"), b.parse("slowdisk a 500ms")
	f.Begin(b.World)
	f.End(b.World)
	b.wantMarks(map[string]int{}) // nothing was written
	f.Begin(b.World)
	over.Begin(b.World)
	if after, err := b.save("1"); err != nil || after < 1500*time.Millisecond {
		t.Errorf("durable after %s, %v, want 1.5s", after, err)
	}
	over.End(b.World)
	f.End(b.World)
	b.wantMarks(map[string]int{fault.MarkSlowDisk: 2})
	if after, err := b.save("2"); err != nil || after > 5*time.Millisecond {
		t.Errorf("durable after %s, %v, want up to 5ms after the end", after, err)
	}
}

func TestFullDiskRefusesAndKeepsWhatIsThere(t *testing.T) {
	b := newBed(t)
	if _, err := b.save("old"); err != nil {
		t.Fatal(err)
	}
	f := b.parse("fulldisk a")
	f.Begin(b.World)
	if _, err := b.save("new"); !errors.Is(err, sim.ErrDiskFull) || b.load() != "old" {
		t.Errorf("%v, then the value is %q", err, b.load())
	}
	b.host.Restart()
	if _, err := b.save("new"); !errors.Is(err, sim.ErrDiskFull) {
		t.Errorf("after a restart: %v", err)
	}
	f.End(b.World)
	if _, err := b.save("new"); err != nil || b.load() != "new" {
		t.Errorf("after the end: %v, the value is %q", err, b.load())
	}
	b.wantMarks(map[string]int{fault.MarkFullDisk: 1})
}

func TestCorruptDiskIsReadWithABitWrong(t *testing.T) {
	b := newBed(t)
	if _, err := b.save("value"); err != nil {
		t.Fatal(err)
	}
	f := b.parse("corrupt a")
	f.Begin(b.World)
	b.to(b.Now() + time.Millisecond)
	if b.boots != 2 {
		t.Errorf("%d boots, want a second at its beginning", b.boots)
	}
	seen := map[string]bool{}
	for range 20 {
		v := b.load()
		wrong := 0
		for i := range min(len(v), 5) {
			wrong += bits.OnesCount8(v[i] ^ "value"[i])
		}
		if len(v) != 5 || wrong != 1 {
			t.Errorf("read %q, want one bit wrong", v)
		}
		seen[v] = true
	}
	if len(seen) < 5 {
		t.Errorf("%d values of 20, want other bits each time", len(seen))
	}
	f.End(b.World)
	if v := b.load(); v != "value" {
		t.Errorf("after the end %q", v)
	}
	b.wantMarks(map[string]int{fault.MarkCorrupt: 1})
}

func TestPowercutLosesTheWriteThatItWaitsFor(t *testing.T) {
	b := newBed(t)
	if _, err := b.save("old"); err != nil {
		t.Fatal(err)
	}
	f := b.parse("powercut a")
	f.Begin(b.World)
	b.to(b.Now() + time.Second)
	f.End(b.World)
	if !b.host.Up() || b.boots != 1 {
		t.Fatal("it strikes though nothing is written")
	}
	f.Begin(b.World)
	_, err := b.save("new")
	if b.host.Up() || err == nil {
		t.Errorf("up %t, write done with %v, want a crash before it is durable", b.host.Up(), err)
	}
	f.End(b.World)
	b.to(b.Now() + time.Second)
	if b.boots != 2 || b.load() != "old" {
		t.Errorf("%d boots, the value is %q, want 2 and the old one", b.boots, b.load())
	}
	b.wantMarks(map[string]int{fault.MarkPowercut: 1, sim.MarkLostWrite: 1})
	if _, err := b.save("new"); err != nil || !b.host.Up() {
		t.Errorf("after the end: %v", err)
	}
	b.host.Crash()
	b.wantMarks(map[string]int{fault.MarkPowercut: 1, sim.MarkLostWrite: 1}) // nothing was lost
}

func TestCrashReportsALostWriteOnce(t *testing.T) {
	b := newBed(t)
	env := b.host.Env()
	for range 3 {
		env.Save(env.Scheduler.Strand("s"), "value", bytes.Repeat([]byte("x"), 100), func(error) { t.Error("done") })
	}
	b.host.Crash()
	b.to(b.Now() + time.Second)
	b.wantMarks(map[string]int{sim.MarkLostWrite: 1})
	if n := b.host.Disk().Bitten().Lost; n != 3 {
		t.Errorf("%d writes lost, want 3", n)
	}
}
