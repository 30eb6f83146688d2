package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/spf13/cobra"
)

// errIdle is the cause of a context that ended because nothing arrived.
var errIdle = errors.New("nothing arrived")

// consumeOptions are the flags of node consume.
type consumeOptions struct {
	flags   nodeFlags
	count   int64
	timeout time.Duration
}

func newConsume() *cobra.Command {
	var o consumeOptions
	cmd := &cobra.Command{
		Use:   "consume STREAM --network NAME --bootstrap PEER@HOST:PORT",
		Short: "Write what producers send as lines to standard output",
		Long: `Write each datum of STREAM and a \n to standard output, from every producer that
there is or will be.

It ends with 0 after --count datums; without --count at the first signal; and
quietly when its output is a pipe without a reader. After a signal the output has
5 s to take what arrived. It ends with 1 when it does not, when nothing arrives
for --timeout, when a signal comes before --count, and, at its end, if
datums were missed: because a producer skipped them, a connection lost them, or a
producer was lost and did not come back or restarted, after which it is not known
how many. Each such gap is reported on standard error when it is noticed, and does
not count for --count.`,
		Args: takes("STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args[0])
		},
	}
	o.flags.register(cmd)
	cmd.Flags().Int64Var(&o.count, "count", 0, "end after this many datums; 0: go on without end")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0,
		"fail when nothing arrives for so long since the last datum, or since the start; 0: wait for ever")
	return cmd
}

func (o *consumeOptions) run(cmd *cobra.Command, name string) error {
	if o.count < 0 {
		return badInput("give 1 or more, or 0 to go on without end", "--count %d", o.count)
	}
	if o.timeout < 0 {
		return badInput("give a time such as 10s, or 0 to wait for ever", "--timeout %s", o.timeout)
	}
	warnIfClosed(cmd.ErrOrStderr(), cmd.OutOrStdout(), "standard output", "every line is thrown away")
	return o.flags.withNode(cmd, nil, func(ctx context.Context, p *process) error {
		consumer, err := stream.Consume(p.Streams(), name, stream.ConsumerConfig{}, stream.WithCodec(stream.Bytes{}))
		if err != nil {
			return err
		}
		stderr := cmd.ErrOrStderr()
		if len(o.flags.bootstrap) == 0 {
			if err := printEndpoint(stderr, p); err != nil {
				return err
			}
		}
		why := func(ctx context.Context) string { return offer(ctx, p.health, consumer.Status(), name) }
		go explain(ctx, stderr, p.health, why)
		out := newOutlet(ctx, cmd.OutOrStdout())
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		go func() { // a pipe loses its reader also while there is nothing to write
			if awaitNoReader(ctx, out.to) {
				cancel(syscall.EPIPE)
			}
		}()
		s := sink{
			why:    func() string { return why(context.WithoutCancel(ctx)) },
			source: idleSource{env: p.Env(), consumer: consumer, patience: o.timeout},
			outlet: out, out: bufio.NewWriterSize(out, piece), stderr: stderr, count: uint64(o.count),
		}
		s.source.idle = s.out.Flush
		err = s.run(ctx)
		if flushed := s.out.Flush(); err == nil || errors.Is(flushed, errStuck) {
			err = flushed
		}
		if errors.Is(err, errStuck) {
			s.giveUp()
		}
		s.abandon(consumer.Status())
		return s.outcome(err)
	})
}

// piece is how much is written at once, in bytes: what a pipe makes room for at a time, see
// pipe(7). While a write waits for more room, nothing is received, and to the producer a slow
// reader seems to take nothing.
const piece = 4 << 10

// sink writes datums as lines.
type sink struct {
	why     func() string // there is no producer; empty if there is one
	source  idleSource
	outlet  *outlet
	out     *bufio.Writer // into outlet
	stderr  io.Writer
	count   uint64 // 0: no end
	written uint64 // given to out
	backlog backlog
	wasted  uint64 // datums that arrived and are not written, as nothing takes the output
	missed  uint64
	vague   bool                    // missed is a bound, or an unknown number comes on top of it
	lost    map[ident.PeerID]uint64 // producers that may have said more, and their incarnations
}

// maxLost is of how many producers a sink remembers that they were lost.
const maxLost = 1024

// A signal ends consume after lateDatums or lateBytes at the latest. The consumer's queue,
// which has the default size, does not hold more, so that everything is written that had
// arrived before the signal.
const (
	lateDatums = 2 * stream.DefaultQueue
	lateBytes  = 2 * stream.DefaultQueueBytes
)

// run writes until count or an error. After the end of ctx it writes what is queued. A
// producer that is faster than the output keeps the queue full, so that has a bound.
func (s *sink) run(ctx context.Context) error {
	var late, bytes int // since the end of ctx
	for s.count == 0 || s.written < s.count {
		if ctx.Err() == nil {
			bytes = 0
		} else if late++; late > lateDatums || bytes > lateBytes {
			return context.Cause(ctx)
		}
		d, err := s.source.next(ctx)
		var gap *stream.Gap
		switch {
		case errors.As(err, &gap):
			s.skip(gap)
			continue
		case err != nil:
			return err
		}
		bytes += len(d.Value)
		s.hear(d.Producer, d.Incarnation)
		if err := s.write(d.Value); err != nil {
			return err
		}
		s.written++
	}
	return nil
}

// write writes a line.
func (s *sink) write(line []byte) error {
	s.backlog.add(len(line)+1, s.outlet.taken)
	if _, err := s.out.Write(line); err != nil {
		return err
	}
	return s.out.WriteByte('\n')
}

// giveUp counts the datums that nothing will take any more: those that were received and
// not written, and those in the consumer's queue, which a producer may refill meanwhile.
func (s *sink) giveUp() {
	s.backlog.trim(s.outlet.taken)
	s.wasted = uint64(len(s.backlog.ends))
	for range lateDatums {
		d, err := s.source.consumer.TryRecv()
		var gap *stream.Gap
		switch {
		case errors.As(err, &gap):
			s.skip(gap)
		case err != nil:
			return
		default:
			s.hear(d.Producer, d.Incarnation)
			s.wasted++
		}
	}
}

// hear notes that something came of a producer.
func (s *sink) hear(producer ident.PeerID, incarnation uint64) {
	if lost, ok := s.lost[producer]; ok {
		delete(s.lost, producer)
		s.vague = s.vague || lost != incarnation // else it goes on where it was, or told of a gap
	}
}

// skip takes account of a gap.
func (s *sink) skip(gap *stream.Gap) {
	fmt.Fprintln(s.stderr, "node:", gap)
	s.hear(gap.Producer, gap.Incarnation)
	s.missed += gap.Count
	if gap.Gone && len(s.lost) < maxLost {
		if s.lost == nil {
			s.lost = map[ident.PeerID]uint64{}
		}
		s.lost[gap.Producer] = gap.Incarnation
		return
	}
	s.vague = s.vague || !gap.Known()
}

// abandon tells of the producers that are away at the end.
func (s *sink) abandon(status stream.Status) {
	for _, p := range status.Pending {
		if p.Lost {
			s.vague = true
			fmt.Fprintf(s.stderr, "node: producer %s was lost and is not back: "+
				"how many of its last datums are missing is not known\n", p.Peer.Short())
		}
	}
	s.vague = s.vague || len(s.lost) > 0
}

// outcome turns the end of run into that of the command.
func (s *sink) outcome(err error) error {
	var f *fault
	switch {
	case errors.Is(err, syscall.EPIPE): // the end, as a signal; what was missed still counts
	case errors.Is(err, errStuck):
		return failed("let its reader go on", "nothing took the output for %s after the signal: %s not written",
			outletMax, was(s.wasted, "datum"))
	case errors.Is(err, errIdle):
		hint := s.why()
		if hint == "" {
			hint = "a producer is connected; it sends nothing, or its path is cut: give a longer --timeout"
		}
		return failed(hint, "nothing arrived for %s: %s", s.source.patience, s.progress())
	case errors.Is(err, errInterrupted):
		if s.count > 0 {
			return failed("what arrived was written", "interrupted: %s", s.progress())
		}
	case errors.As(err, &f):
		return err
	case err != nil:
		whole := count(s.backlog.whole(s.outlet.taken), "datum")
		return failed("free some space; the last line may be incomplete", "after %s: %w", whole, err)
	}
	const hint = "see the lines above for which"
	switch {
	case s.vague && s.missed == 0:
		return failed(hint, "an unknown number of datums is missing")
	case s.vague:
		return failed(hint, "datums are missing, %d or another number of them", s.missed)
	case s.missed > 0:
		return failed(hint, "%s missing", was(s.missed, "datum"))
	}
	return nil
}

func (s *sink) progress() string {
	if s.count == 0 {
		return "had " + count(s.written, "datum")
	}
	return fmt.Sprintf("had %d of %s", s.written, count(s.count, "datum"))
}

// idleSource gives what a consumer receives, and notices when there is nothing.
type idleSource struct {
	env      *runtime.Env
	consumer *stream.Consumer[[]byte]
	patience time.Duration // how long nothing may arrive; 0: for ever
	idle     func() error  // called before each wait
}

// next returns the next datum or gap, also after the end of ctx as long as something is
// queued. The error is errIdle when patience ended.
func (s *idleSource) next(ctx context.Context) (stream.Datum[[]byte], error) {
	d, err := s.consumer.TryRecv()
	if !errors.Is(err, stream.ErrEmpty) {
		return d, err
	}
	if s.idle != nil {
		if err := s.idle(); err != nil {
			return d, err
		}
	}
	if s.patience > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, s.patience, errIdle)
		defer cancel()
		ctx = limited
	}
	d, err = s.consumer.Recv(ctx)
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		// What arrived before the end of ctx comes before its cause; idle may have taken long.
		if late, empty := s.consumer.TryRecv(); !errors.Is(empty, stream.ErrEmpty) {
			return late, empty
		}
	}
	return d, err
}
