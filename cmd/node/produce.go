package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/spf13/cobra"
)

// produceOptions are the flags of node produce.
type produceOptions struct {
	flags    nodeFlags
	wait     int
	blockMax time.Duration
	drain    time.Duration
}

func newProduce() *cobra.Command {
	var o produceOptions
	cmd := &cobra.Command{
		Use:   "produce STREAM --network NAME",
		Short: "Send each line of standard input to all consumers",
		Long: `Send each line of standard input to all consumers of STREAM.

A datum is the bytes before \n, an empty line among them; a last line without
\n counts. A line of more than 1 MiB stops the command with its number; what
came before it is delivered. The slowest consumer sets the pace; one that takes
nothing for --block-max is cut off. Without any consumer, produce waits for one.

At the end of the input it delivers what is under way and tells on standard
error how many datums went to how many consumers. It ends with 0 only if the
whole input was sent and every consumer has all that it was to get, in its queue
if not in its output yet; a consumer that left by itself wanted no more.`,
		Args: takes("STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args[0])
		},
	}
	o.flags.register(cmd)
	cmd.Flags().IntVar(&o.wait, "wait", 1, "how many consumers to wait for before the first datum; 0 sends at once, even to nobody")
	cmd.Flags().DurationVar(&o.blockMax, "block-max", stream.DefaultBlockMax,
		"how long a consumer that takes nothing may hold up the others; above 0")
	cmd.Flags().DurationVar(&o.drain, "drain", stream.DefaultBlockMax,
		"how long to wait at the end for a consumer that takes nothing; above 0")
	return cmd
}

func (o *produceOptions) run(cmd *cobra.Command, name string) error {
	if o.wait < 0 {
		return badInput("give 0 or more", "--wait %d", o.wait)
	}
	for flag, d := range map[string]time.Duration{"--block-max": o.blockMax, "--drain": o.drain} {
		if d <= 0 {
			return badInput("give a time above 0, such as 5s", "%s %s", flag, d)
		}
	}
	warnIfClosed(cmd.ErrOrStderr(), cmd.InOrStdin(), "standard input", "there are no lines to send")
	var t tally
	return o.flags.withNode(cmd, &t, func(ctx context.Context, p *process) error {
		config := stream.ProducerConfig{Lag: stream.Block, BlockMax: o.blockMax, DrainMax: o.drain}
		if o.wait == 0 {
			config.Online = stream.AtLeast(0)
		}
		producer, err := stream.Produce(p.Streams(), name, config, stream.WithCodec(stream.Bytes{}))
		if err != nil {
			return err
		}
		stderr := cmd.ErrOrStderr()
		if len(o.flags.bootstrap) == 0 {
			if err := printEndpoint(stderr, p); err != nil {
				return err
			}
		}
		go explain(ctx, stderr, p.health, func(ctx context.Context) string {
			switch {
			case producer.Status().Online || len(producer.Status().Subscriptions) >= o.wait:
				return ""
			case p.health.connected() == 0:
				return p.health.why(ctx)
			}
			return fmt.Sprintf("connected to %s, and %d of them take stream %q; %d are to before anything is sent (--wait)", count(p.health.connected(), "peer"), len(producer.Status().Subscriptions), name, o.wait)
		})
		if err := producer.When().Quorum(stream.AtLeast(o.wait)).Wait(ctx); err != nil {
			if interrupted(ctx) {
				return failed("nothing was sent", "interrupted while waiting for %s", count(o.wait, "consumer"))
			}
			return err
		}
		feed := feed{producer: producer, input: newLines(cmd.InOrStdin(), wire.DefaultDatum)}
		err = feed.run(ctx)
		// At the end of the input it waits for consumers as long as they go on. A signal is
		// given the time of a node's end.
		closed := producer.Close(ctx)
		if interrupted(ctx) {
			closed = p.Close()
		}
		sent := feed.sent.Load()
		fmt.Fprintf(stderr, "node: sent %s to %s\n", count(sent, "datum"), count(t.consumers(), "consumer"))
		return errors.Join(err, t.outcome(sent, closed))
	})
}

// feed sends lines.
type feed struct {
	producer *stream.Producer[[]byte]
	input    *lines
	sent     atomic.Uint64
}

// run sends until the end of the input or of ctx. A read cannot be interrupted,
// so one that waits for input when ctx ends is left behind.
func (f *feed) run(ctx context.Context) error {
	result := make(chan error, 1)
	go func() { result <- f.pump(ctx) }()
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errInterrupted):
		return failed("the rest of the input was not sent", "interrupted after %s", count(f.sent.Load(), "datum"))
	case errors.Is(err, errLineTooLong):
		n := f.sent.Load()
		return failed("shorten it; the lines before it were sent", "line %d is longer than %d bytes, the limit of a datum", n+1, f.input.max)
	default:
		return err
	}
}

func (f *feed) pump(ctx context.Context) error {
	for {
		line, err := f.input.next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, errLineTooLong) {
				return failed("the lines before it were sent", "read line %d of standard input: %w", f.sent.Load()+1, err)
			}
			return err
		}
		if _, err := f.producer.Send(ctx, line); err != nil {
			return err
		}
		f.sent.Add(1)
	}
}
