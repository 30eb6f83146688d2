package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/telemetry"
	"github.com/spf13/cobra"
)

// withNode starts the node that the flags describe, does the work and ends the
// node in order. The context of the work ends with the first signal, or when
// the network refuses the node for good, or when the node has no socket any more.
// tally, if there is one, receives every event.
func (f *nodeFlags) withNode(cmd *cobra.Command, tally runtime.Observer, work func(context.Context, *process) error) error {
	s, err := f.read()
	if err != nil {
		return err
	}
	unlock, err := lockKey(f.key)
	if err != nil {
		return err
	}
	defer unlock()
	unlockStore, err := lockStore(s.store) // before the store is opened, which removes files
	if err != nil {
		return err
	}
	defer unlockStore()
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	cmd.SetOut(newOutlet(ctx, cmd.OutOrStdout()))
	var running atomic.Pointer[discovery.Discovery]
	log := newLogView(cmd.ErrOrStderr(), s.level, func(peer ident.PeerID) standing {
		return standingOf(peer, s.bootstrap, running.Load())
	})
	defer log.Close()
	health := newHealth(s.bootstrap)
	views := observers{newGate(s.bootstrap, cancel, log), health}
	if tally != nil {
		views = append(views, tally)
	}
	stop := func() error { return nil }
	if s.metrics != "" {
		m := telemetry.New()
		views = append(views, m)
		if stop, err = serveMetrics(s.metrics, m, &running, cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	warnOfPorts(cmd.ErrOrStderr(), s.bootstrap)
	p, err := start(s, views)
	if err != nil {
		return errors.Join(err, stop())
	}
	running.Store(p.Discovery())
	p.health = health
	stderr := cmd.ErrOrStderr()
	if p.storeless != nil {
		fmt.Fprintf(stderr, "node: nothing is kept, so that after a restart this node may know its bootstrap peers alone: "+
			"%s; make its store writable, or give --store DIR, or --store none\n", oneLine(p.storeless.Error()))
	}
	if f.listen == "" || len(s.bootstrap) > 0 {
		printAddresses(stderr, s.listen, p)
	}
	err = work(ctx, p)
	return errors.Join(outcome(ctx, err, p.Close()), stop())
}

// standingOf returns the standing of a peer with a node, of which discovery is nil before
// it has started.
func standingOf(peer ident.PeerID, bootstrap []discovery.Endpoint, d *discovery.Discovery) standing {
	if slices.ContainsFunc(bootstrap, func(e discovery.Endpoint) bool { return e.Peer == peer }) {
		return isBootstrap
	}
	if d != nil {
		if _, ok := d.Catalog().Get(peer); ok {
			return isPeer
		}
	}
	return isStranger
}

// outcome returns the error of a command from that of its work and that of the end of its
// node. A node that lost its socket says why at its end, and what else went wrong follows
// from that.
func outcome(ctx context.Context, work, end error) error {
	if errors.Is(context.Cause(ctx), errTransport) {
		return failed("start the node again once its address can be used", "%w", end)
	}
	return errors.Join(work, end)
}
