package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/quicnet/raw"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/spf13/cobra"
)

const (
	// benchRound is how long one round of the fan-out takes, roughly: long
	// enough that queues and windows fill and empty many times, short enough
	// that what else the machine does meets both sides alike.
	benchRound = 400 * time.Millisecond
	// benchMax bounds a whole bench on a machine that is too busy for it.
	benchMax = 2 * time.Minute
	// maxBenchConsumers and maxBenchRounds keep a bench within one machine.
	maxBenchConsumers = 64
	maxBenchRounds    = 100
)

// benchOptions are the flags of node bench.
type benchOptions struct {
	payload, consumers, rounds int
	asJSON                     bool
	profile                    string
}

// benchResult is the outcome of a bench, in the form of --json: medians.
type benchResult struct {
	Bench            string  `json:"bench"`
	Payload          int     `json:"payload"` // bytes
	Consumers        int     `json:"consumers"`
	DeliveriesPerSec uint64  `json:"deliveries_per_s"`
	BytesPerSec      uint64  `json:"bytes_per_s"` // of payload, all consumers together
	RawBytesPerSec   uint64  `json:"raw_bytes_per_s"`
	Ratio            float64 `json:"ratio"` // of the two before
}

func newBench() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the fan-out beside plain QUIC",
		Long: `Measure how fast one node fans datums out to others on loopback, beside plain
QUIC streams that carry the same bytes over as many connections in writes of
64 KiB. Both run in turns in this process, which has both ends; the result is
the median of the rounds.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	cmd.Flags().IntVar(&o.payload, "payload", 1024, fmt.Sprintf("size of a datum, 1 to %d bytes", wire.DefaultDatum))
	cmd.Flags().IntVar(&o.consumers, "consumers", 8, fmt.Sprintf("how many consumers, 1 to %d", maxBenchConsumers))
	cmd.Flags().IntVar(&o.rounds, "rounds", 9, fmt.Sprintf("how many rounds of each, 1 to %d", maxBenchRounds))
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the result as one JSON object")
	cmd.Flags().StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of each round of the fan-out to FILE.0, FILE.1 and so on")
	_ = cmd.Flags().MarkHidden("cpuprofile") // the flag exists
	return cmd
}

func (o *benchOptions) run(cmd *cobra.Command) error {
	switch {
	case o.payload < 1 || o.payload > wire.DefaultDatum:
		return badInput(fmt.Sprintf("give 1 to %d", wire.DefaultDatum), "--payload %d", o.payload)
	case o.consumers < 1 || o.consumers > maxBenchConsumers:
		return badInput(fmt.Sprintf("give 1 to %d", maxBenchConsumers), "--consumers %d", o.consumers)
	case o.rounds < 1 || o.rounds > maxBenchRounds:
		return badInput(fmt.Sprintf("give 1 to %d", maxBenchRounds), "--rounds %d", o.rounds)
	}
	warnIfClosed(cmd.ErrOrStderr(), cmd.OutOrStdout(), "standard output", "the result is thrown away")
	ctx, cancel := context.WithTimeout(cmd.Context(), benchMax)
	defer cancel()
	result, err := o.measure(ctx)
	switch {
	case interrupted(cmd.Context()):
		return failed("nothing was measured", "interrupted")
	case ctx.Err() != nil:
		return failed("give fewer --rounds or --consumers, or a less busy machine", "the bench did not end within %s", benchMax)
	case err != nil:
		return err
	}
	return result.report(cmd, o.asJSON)
}

// measure lets fan-out and plain QUIC take turns.
func (o *benchOptions) measure(ctx context.Context) (benchResult, error) {
	fan, err := newFanBench(ctx, o.payload, o.consumers)
	if err != nil {
		return benchResult{}, err
	}
	defer fan.close()
	plain, err := raw.Open(ctx, o.consumers)
	if err != nil {
		return benchResult{}, failed("see whether UDP on loopback is filtered", "%w", err)
	}
	defer plain.Close()

	datums, err := calibrate(ctx, fan.round)
	if err != nil {
		return benchResult{}, err
	}
	if _, err := plain.Carry(ctx, datums*o.payload); err != nil { // warm-up
		return benchResult{}, err
	}
	profile := profile{name: o.profile}
	var fanRates, rawRates []float64 // bytes per second
	bytes := float64(datums) * float64(o.payload) * float64(o.consumers)
	for range o.rounds {
		if err := profile.start(); err != nil {
			return benchResult{}, err
		}
		took, err := fan.round(ctx, datums)
		profile.stop()
		if err != nil {
			return benchResult{}, err
		}
		fanRates = append(fanRates, bytes/took.Seconds())
		if took, err = plain.Carry(ctx, datums*o.payload); err != nil {
			return benchResult{}, err
		}
		rawRates = append(rawRates, bytes/took.Seconds())
	}
	rate, rawRate := median(fanRates), median(rawRates)
	return benchResult{
		Bench: "fanout", Payload: o.payload, Consumers: o.consumers,
		DeliveriesPerSec: uint64(rate / float64(o.payload)),
		BytesPerSec:      uint64(rate), RawBytesPerSec: uint64(rawRate),
		Ratio: math.Round(rate/rawRate*1000) / 1000,
	}, nil
}

// calibrate finds how many datums take about benchRound, and warms up thereby.
func calibrate(ctx context.Context, round func(context.Context, int) (time.Duration, error)) (int, error) {
	datums := 64
	for {
		took, err := round(ctx, datums)
		if err != nil {
			return 0, err
		}
		if took >= benchRound/4 {
			return max(1, int(float64(datums)*float64(benchRound)/float64(took))), nil
		}
		datums *= 4
	}
}

func (r benchResult) report(cmd *cobra.Command, asJSON bool) error {
	out := cmd.OutOrStdout()
	var err error
	if asJSON {
		err = json.NewEncoder(out).Encode(r)
	} else {
		_, err = fmt.Fprintf(out, "%d bytes to %s: %d deliveries/s, %.1f MB/s; plain QUIC %.1f MB/s; ratio %.3f\n",
			r.Payload, count(r.Consumers, "consumer"), r.DeliveriesPerSec, float64(r.BytesPerSec)/1e6, float64(r.RawBytesPerSec)/1e6, r.Ratio)
	}
	if err != nil {
		return failed("", "print result: %w", err)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// profile is a series of CPU profiles, one per round, in files NAME.0, NAME.1
// and so on; go tool pprof merges them. The zero value does nothing.
type profile struct {
	name  string
	round int
	file  *os.File
}

func (p *profile) start() (err error) {
	if p.name == "" {
		return nil
	}
	if p.file, err = os.Create(fmt.Sprintf("%s.%d", p.name, p.round)); err != nil {
		return badInput("give --cpuprofile a file that can be written", "write profile: %w", err)
	}
	p.round++
	return pprof.StartCPUProfile(p.file)
}

func (p *profile) stop() {
	if p.file != nil {
		pprof.StopCPUProfile()
		_ = p.file.Close()
		p.file = nil
	}
}
