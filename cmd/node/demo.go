package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/spf13/cobra"
)

const (
	// demoDatum is the size of a message: index, filler and checksum.
	demoDatum = 64
	// demoPatience is how long a consumer waits for the next message before it
	// counts the rest as lost: longer than any retry of a lost packet.
	demoPatience = 15 * time.Second
	// maxDemoNodes and maxDemoMessages keep a demo within one machine's memory.
	maxDemoNodes    = 64
	maxDemoMessages = 100_000_000
)

// demoResult is the outcome of a demo, in the form of --json.
type demoResult struct {
	Demo             int    `json:"demo"` // version of this object
	Nodes            int    `json:"nodes"`
	Messages         uint64 `json:"messages"`
	Expected         uint64 `json:"expected"`
	Delivered        uint64 `json:"delivered"`
	Lost             uint64 `json:"lost"`
	Duplicated       uint64 `json:"duplicated"`
	Reordered        uint64 `json:"reordered"`
	ElapsedNS        int64  `json:"elapsed_ns"` // from the first send to the last delivery
	DeliveriesPerSec uint64 `json:"deliveries_per_s"`
}

func newDemo() *cobra.Command {
	var nodes int
	var messages uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a cluster in this process and check what it delivers",
		Long: `Run a cluster of real nodes in this process, on loopback: they find each other,
one produces numbered messages, all others consume them and check order and
checksum. It ends with 1 unless everything arrived in order and once.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes < 2 || nodes > maxDemoNodes {
				return badInput(fmt.Sprintf("give 2 to %d", maxDemoNodes), "--nodes %d", nodes)
			}
			if messages < 1 || messages > maxDemoMessages {
				return badInput(fmt.Sprintf("give 1 to %d", maxDemoMessages), "--messages %d", messages)
			}
			result, err := demo(cmd.Context(), nodes, messages)
			if err != nil {
				return err
			}
			return result.report(cmd, asJSON)
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 5,
		fmt.Sprintf("how many nodes, 2 to %d: one producer, the rest consumers", maxDemoNodes))
	cmd.Flags().Uint64Var(&messages, "messages", 20_000,
		fmt.Sprintf("how many messages to send, 1 to %d", maxDemoMessages))
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return cmd
}

func (r demoResult) report(cmd *cobra.Command, asJSON bool) error {
	out := cmd.OutOrStdout()
	var err error
	if asJSON {
		err = json.NewEncoder(out).Encode(r)
	} else {
		_, err = fmt.Fprintf(out, "%d nodes, %d messages: %d of %d delivered, %d lost, %d duplicated, %d reordered\n%s, %d deliveries/s\n",
			r.Nodes, r.Messages, r.Delivered, r.Expected, r.Lost, r.Duplicated, r.Reordered, time.Duration(r.ElapsedNS).Round(time.Millisecond), r.DeliveriesPerSec)
	}
	if err != nil {
		return failed("", "print result: %w", err)
	}
	if r.Delivered != r.Expected || r.Lost+r.Duplicated+r.Reordered > 0 {
		return failed("run it with another --messages to see whether it depends on load", "not everything arrived in order and once")
	}
	return nil
}

// demo runs a cluster and gives what its consumers saw.
func demo(ctx context.Context, nodes int, messages uint64) (demoResult, error) {
	const name = "demo"
	c, err := newCluster(nodes - 1)
	if err != nil {
		return demoResult{}, err
	}
	defer c.stop()
	producer, consumers, err := c.connect(ctx, name)
	if err != nil {
		return demoResult{}, err
	}
	began := time.Now()
	ledgers := make([]ledger, len(consumers))
	var readers sync.WaitGroup
	for i, consumer := range consumers {
		source := idleSource{env: c.consumers[i].Env(), consumer: consumer, patience: demoPatience}
		readers.Go(func() { ledgers[i].fill(ctx, source, messages) })
	}
	err = send(ctx, producer, messages)
	readers.Wait()
	elapsed := time.Since(began)
	err = errors.Join(err, producer.Close(context.Background()))
	if interrupted(ctx) {
		return demoResult{}, failed("the demo is incomplete", "interrupted")
	}
	var undrained *stream.UndrainedError
	if err != nil && !errors.As(err, &undrained) { // the ledgers tell what was not delivered
		return demoResult{}, err
	}
	r := demoResult{Demo: 1, Nodes: nodes, Messages: messages, Expected: messages * uint64(nodes-1), ElapsedNS: int64(elapsed)}
	for i, consumer := range consumers {
		ledgers[i].rest(consumer)
		r.Delivered += ledgers[i].delivered
		r.Duplicated += ledgers[i].duplicated
		r.Reordered += ledgers[i].reordered
	}
	r.Lost = r.Expected - r.Delivered
	r.DeliveriesPerSec = uint64(float64(r.Delivered) / elapsed.Seconds())
	return r, nil
}

func send(ctx context.Context, producer *stream.Producer[[]byte], messages uint64) error {
	var datum [demoDatum]byte
	for i := range messages {
		seal(&datum, i)
		if _, err := producer.Send(ctx, datum[:]); err != nil {
			return err
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal makes message i: its index, repeated, and a checksum of that.
func seal(datum *[demoDatum]byte, i uint64) {
	for at := 0; at < demoDatum-8; at += 8 {
		binary.BigEndian.PutUint64(datum[at:], i)
	}
	binary.BigEndian.PutUint64(datum[demoDatum-8:], uint64(crc32.Checksum(datum[:demoDatum-8], castagnoli)))
}

// unseal gives the index of a message, false if it is not as seal made it.
func unseal(datum []byte) (uint64, bool) {
	if len(datum) != demoDatum {
		return 0, false
	}
	i := binary.BigEndian.Uint64(datum)
	var want [demoDatum]byte
	seal(&want, i)
	return i, string(want[:]) == string(datum)
}

// ledger keeps account of what one consumer got.
type ledger struct {
	seen                             []uint64 // a bit for each index
	next                             uint64   // one above the highest index so far
	delivered, duplicated, reordered uint64
}

// fill enters what arrives until all of messages did, or nothing more comes.
func (l *ledger) fill(ctx context.Context, source idleSource, messages uint64) {
	l.seen = make([]uint64, (messages+63)/64)
	for l.delivered < messages {
		d, err := source.next(ctx)
		var gap *stream.Gap
		switch {
		case err == nil:
			l.enter(d.Value)
		case !errors.As(err, &gap):
			return
		}
	}
}

// rest enters what arrived after everything had: duplicates.
func (l *ledger) rest(consumer *stream.Consumer[[]byte]) {
	for {
		d, err := consumer.TryRecv()
		if err != nil {
			return
		}
		l.enter(d.Value)
	}
}

// enter judges one datum. One that is damaged or was never sent counts as none,
// so the message that it was is lost.
func (l *ledger) enter(datum []byte) {
	i, ok := unseal(datum)
	if !ok || i/64 >= uint64(len(l.seen)) {
		return
	}
	word, bit := i/64, uint64(1)<<(i%64)
	if l.seen[word]&bit != 0 {
		l.duplicated++
		return
	}
	l.seen[word] |= bit
	l.delivered++
	if i < l.next {
		l.reordered++
		return
	}
	l.next = i + 1
}

// freshKey gives a key for one run.
func freshKey() (ident.Key, error) { return ident.GenerateKey(rand.Reader) }
