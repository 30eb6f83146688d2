package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestConsumeEndsWithOneIfAnythingIsMissing(t *testing.T) {
	for _, x := range []struct {
		sink sink
		want string // of the error; empty: none
	}{
		{sink{written: 5}, ""},
		{sink{written: 5, missed: 1}, "1 datum was missing: see the lines above for which"},
		{sink{written: 5, vague: true}, "an unknown number of datums is missing: see the lines above for which"},
		{sink{written: 5, missed: 2, vague: true}, "datums are missing, 2 or another number of them: see the lines above for which"},
	} {
		err := x.sink.outcome(errInterrupted)
		f, _ := errors.AsType[*fault](err)
		if (err == nil) != (x.want == "") || err != nil && (err.Error() != x.want || f == nil || f.code != codeFailed) {
			t.Errorf("%d missed, vague %t: got %v, want %q", x.sink.missed, x.sink.vague, err, x.want)
		}
	}
}

// Its output losing its reader ends consume as a signal does: with 0 only if nothing was missed.
func TestConsumeEndsWithOneIfAnythingIsMissingThoughItsOutputLostItsReader(t *testing.T) {
	for want, s := range map[string]sink{
		"": {written: 5}, "1 datum was missing": {written: 5, missed: 1}, "an unknown number": {vague: true},
		"datums are missing, 2 or another": {missed: 2, vague: true, count: 9},
	} {
		err := s.outcome(fmt.Errorf("write |1: %w", syscall.EPIPE))
		f, _ := errors.AsType[*fault](err)
		fails := f != nil && f.code == codeFailed && strings.HasPrefix(f.Error(), want)
		if want == "" && err != nil || want != "" && !fails {
			t.Errorf("%d missed, vague %t: got %v, want %q", s.missed, s.vague, err, want)
		}
	}
}

// A signal may come while consume writes before it waits. What arrived meanwhile is written too.
func TestWhatArrivedBeforeASignalIsReceivedAfterIt(t *testing.T) {
	t.Parallel()
	c, err := newCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	for name, patience := range map[string]time.Duration{"without --timeout": 0, "with --timeout": time.Hour} {
		producer, consumers, err := c.connect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		s := idleSource{env: c.consumers[0].Env(), consumer: consumers[0], patience: patience}
		s.idle = func() error {
			s.idle = nil
			for range 2 {
				if _, err := producer.Send(t.Context(), []byte("x")); err != nil {
					return err
				}
			}
			limited, stop := context.WithTimeout(t.Context(), 2*time.Second)
			defer stop()
			if err := producer.Close(limited); err != nil {
				return err
			}
			cancel(errInterrupted)
			return nil
		}
		for want := range uint64(2) {
			if d, err := s.next(ctx); err != nil || d.Seq != want+1 {
				t.Errorf("%s: got datum %d, %v, want %d", name, d.Seq, err, want+1)
			}
		}
		if d, err := s.next(ctx); !errors.Is(err, errInterrupted) {
			t.Errorf("%s: got datum %d, %v, want %v", name, d.Seq, err, errInterrupted)
		}
	}
}

func TestConsumeKnowsWhatALostProducerLeftOpen(t *testing.T) {
	who, other := ident.PeerID{1}, ident.PeerID{2}
	lost := &stream.Gap{Producer: who, Incarnation: 7, From: 5, To: 4, Unknown: true, Gone: true}
	for name, x := range map[string]struct {
		then    func(*sink)
		pending []stream.Pending
		vague   bool
		missed  uint64
	}{
		"it never came back":       {func(*sink) {}, nil, true, 0},
		"another producer goes on": {func(s *sink) { s.hear(other, 7) }, nil, true, 0},
		"it goes on":               {func(s *sink) { s.hear(who, 7) }, nil, false, 0},
		"it says how many are missing": {
			func(s *sink) { s.skip(&stream.Gap{Producer: who, Incarnation: 7, From: 5, To: 6, Count: 2}) }, nil, false, 2,
		},
		"it restarted": {func(s *sink) { s.hear(who, 8) }, nil, true, 0},
		"it restarted and told of a gap": {
			func(s *sink) { s.skip(&stream.Gap{Producer: who, Incarnation: 8, From: 1, To: 2, Count: 2}) }, nil, true, 2,
		},
		"it goes on, and was lost again": {
			func(s *sink) { s.hear(who, 7) }, []stream.Pending{{Peer: who, Reason: wire.IdleTimeout, Lost: true}}, true, 0,
		},
		"it goes on, and another never came": {
			func(s *sink) { s.hear(who, 7) }, []stream.Pending{{Peer: other, Reason: wire.DialFailed}}, false, 0,
		},
	} {
		var told strings.Builder
		s := sink{stderr: &told}
		s.skip(lost)
		x.then(&s)
		s.abandon(stream.Status{Pending: x.pending})
		if s.vague != x.vague || s.missed != x.missed || !strings.Contains(told.String(), "unknown number") {
			t.Errorf("%s: vague %t, %d missed, want %t and %d; told %q", name, s.vague, s.missed, x.vague, x.missed, told.String())
		}
	}
	early, denied := sink{stderr: io.Discard}, sink{stderr: io.Discard}
	early.skip(&stream.Gap{Producer: who, Incarnation: 7, From: 1, To: 0, Unknown: true, Gone: true})
	early.hear(who, 7) // it had sent nothing
	denied.skip(&stream.Gap{Producer: who, Incarnation: 7, From: 5, To: 4, Unknown: true})
	denied.hear(who, 7) // what is missing is of another one
	if early.vague || !denied.vague {
		t.Errorf("gone before its first datum: vague %t, want false; unknown for good: %t, want true", early.vague, denied.vague)
	}
	s := sink{stderr: io.Discard}
	for i := range maxLost + 1 {
		gap := *lost
		gap.Producer = ident.PeerID{3, byte(i >> 8), byte(i)}
		s.skip(&gap)
	}
	if len(s.lost) != maxLost || !s.vague {
		t.Errorf("remembers %d lost producers, vague %t, want %d and true", len(s.lost), s.vague, maxLost)
	}
}

// scarce takes room bytes, as a disk that is nearly full.
type scarce struct {
	strings.Builder
	room int
}

func (w *scarce) Write(b []byte) (int, error) {
	n := min(len(b), w.room-w.Len())
	_, _ = w.Builder.Write(b[:n])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// The number of lines that consume gives when its disk is full is that of the whole lines
// in the file, and not of what is in a buffer still.
func TestConsumeCountsWholeLinesOnAFullDisk(t *testing.T) {
	for _, room := range []int{0, 1, 99, 100, 101, 4096, 10_000} {
		disk := &scarce{room: room}
		o := newOutlet(t.Context(), disk)
		s := sink{outlet: o, out: bufio.NewWriterSize(o, piece)}
		var err error
		for err == nil {
			err = s.write(make([]byte, 99))
		}
		want := fmt.Sprintf("after %s: ", count(strings.Count(disk.String(), "\n"), "datum"))
		if got := s.outcome(err); got == nil || !strings.HasPrefix(got.Error(), want) {
			t.Errorf("room for %d bytes: got %v, want %q", room, got, want)
		}
	}
}
