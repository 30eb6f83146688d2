package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// A command that waits says why: at first after firstReport, then less and less often.
const (
	firstReport = 3 * time.Second
	nextReport  = 10 * time.Second
	lastReport  = time.Minute
	// probeMax bounds how long a report looks whether something listens at an address. With
	// firstReport it is below five seconds.
	probeMax = 1500 * time.Millisecond
	// probeEvery is the time between its packets: Linux answers each machine that asks for a
	// port on which nothing listens about once a second (icmp_ratelimit).
	probeEvery = 250 * time.Millisecond
	// maxReported bounds the peers in a report.
	maxReported = 3
)

// health is what a node knows of its connections.
type health struct {
	bootstrap []discovery.Endpoint
	now       func() time.Time

	mu       sync.Mutex
	sessions map[ident.PeerID]int   // sessions that are up; a new one may be up before the old one is down
	alone    time.Time              // since when there is none
	lost     bool                   // there was one before
	dials    map[ident.PeerID]*dial // of bootstrap peers
}

// dial is what came of the dials of a bootstrap peer since its last session.
type dial struct {
	tries  int
	latest event.Event // the last refusal, or the end of the session
	met    bool        // the peer has answered before, if only with a refusal
}

var _ runtime.Observer = (*health)(nil)

func newHealth(bootstrap []discovery.Endpoint) *health {
	h := &health{
		bootstrap: bootstrap, now: time.Now, alone: time.Now(),
		sessions: map[ident.PeerID]int{}, dials: map[ident.PeerID]*dial{},
	}
	for _, e := range bootstrap {
		h.dials[e.Peer] = &dial{}
	}
	return h
}

// Event implements runtime.Observer.
func (h *health) Event(e event.Event) {
	switch e.Kind {
	case event.SessionUp, event.SessionDown, event.SessionRefused:
	default:
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.dials[e.Peer]
	switch e.Kind {
	case event.SessionUp:
		h.sessions[e.Peer]++
		if d != nil {
			*d = dial{met: true}
		}
	case event.SessionDown:
		if h.sessions[e.Peer]--; h.sessions[e.Peer] <= 0 {
			delete(h.sessions, e.Peer)
		}
		if len(h.sessions) == 0 {
			h.alone, h.lost = h.now(), true
		}
		if d != nil {
			d.latest = e
		}
	case event.SessionRefused:
		if d != nil {
			d.tries++
			d.latest = e
			d.met = d.met || answered(e.Reason) && e.Reason != wire.WrongIdentity
		}
	}
}

// answered reports whether a refusal for this reason shows that a node answered.
func answered(r wire.Reason) bool {
	switch r {
	case wire.None, wire.Cancelled, wire.DialFailed, wire.DialWithheld, wire.IdleTimeout:
		return false
	}
	return true
}

// connected returns how many peers the node has a session with.
func (h *health) connected() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// why says why there is no connection at all; empty if there is one.
func (h *health) why(ctx context.Context) string {
	h.mu.Lock()
	connected, since, lost := len(h.sessions) > 0, h.now().Sub(h.alone).Round(time.Second), h.lost
	h.mu.Unlock()
	switch {
	case connected:
		return ""
	case len(h.bootstrap) == 0 && lost:
		return fmt.Sprintf("no connection for %s, since the last one was lost; peers that were connected are dialled again", since)
	case len(h.bootstrap) == 0:
		return fmt.Sprintf("no peer has connected in %s, and there is no --bootstrap to begin with", since)
	}
	reported := h.bootstrap[:min(len(h.bootstrap), maxReported)]
	parts := make([]string, len(reported))
	var all sync.WaitGroup
	for i, e := range reported {
		all.Go(func() {
			parts[i] = fmt.Sprintf("peer %s at %s: %s", e.Peer.Short(), strings.Join(e.Addrs, ", "), h.unreached(ctx, e))
		})
	}
	all.Wait()
	if n := len(h.bootstrap) - maxReported; n > 0 {
		parts = append(parts, fmt.Sprintf("and %s", count(n, "other peer")))
	}
	head := fmt.Sprintf("no connection in %s", since)
	if lost {
		head = fmt.Sprintf("no connection for %s, since the last one was lost", since)
	}
	return head + ": " + strings.Join(parts, "; ")
}

// unreached says why there is no session with a bootstrap peer. It looks at the address only
// if the latest dial was not answered.
func (h *health) unreached(ctx context.Context, e discovery.Endpoint) string {
	h.mu.Lock()
	d := *h.dials[e.Peer]
	h.mu.Unlock()
	tried := ""
	if d.tries > 0 {
		tried = fmt.Sprintf(" (tried %s)", times(d.tries))
	}
	what, hint := refusal(d.latest)
	switch {
	case what != "":
		return fmt.Sprintf("it %s%s; %s", what, tried, hint)
	case d.tries == 0:
		return probe(ctx, e.Addrs[0], d.met)
	case answered(d.latest.Reason):
		return fmt.Sprintf("it answers, but no session came up: %s%s", d.latest.Reason, tried)
	}
	return d.latest.Text + tried + "; " + probe(ctx, e.Addrs[0], d.met)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// probe says what a machine finds out about a UDP address that did not answer: the system
// of the other side refuses packets to a port on which nothing listens, unless something
// between keeps that back. If the peer has answered before (met), the address is right.
func probe(ctx context.Context, addr string, met bool) string {
	ctx, cancel := context.WithTimeout(ctx, probeMax)
	defer cancel()
	silent := fmt.Sprintf("nothing comes back from there; check that the address is right, "+
		"that the node runs there, and that UDP port %s is let through both ways", portOf(addr))
	closed := fmt.Sprintf("nothing listens on UDP port %s there; check that the node runs, and that this is its port", portOf(addr))
	absent := "no machine has that address; check it"
	if met {
		silent = "it answered before, and nothing comes back now; check that the node and its machine still run"
		closed = fmt.Sprintf("nothing listens on UDP port %s there any more; check that the node still runs", portOf(addr))
		absent = "its machine is not reached any more; check that it still runs"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", addr)
	if err == nil {
		defer func() { _ = conn.Close() }()
		for ctx.Err() == nil {
			_ = conn.SetDeadline(time.Now().Add(probeEvery))
			if _, err = conn.Write([]byte{0}); err == nil {
				_, err = conn.Read(make([]byte, 1))
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
	}
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("there is no host %s; check the name", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return closed
	case errors.Is(err, syscall.EHOSTUNREACH):
		return absent
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no route to that network; check the address, and whether it is of IPv4 or IPv6"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "a firewall of this machine forbids it; let UDP out"
	}
	return silent
}

func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return port
}

// untilReport returns how long to wait before a loss of the last connection is reported; 0 if
// there is a connection, there was none yet, or it was lost firstReport ago.
func (h *health) untilReport() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.lost || len(h.sessions) > 0 {
		return 0
	}
	return max(0, firstReport-h.now().Sub(h.alone))
}

// explain writes why a command waits, while why returns something, until ctx ends. It waits
// until the loss of the last connection is firstReport ago.
func explain(ctx context.Context, w io.Writer, h *health, why func(context.Context) string) {
	for wait := firstReport; ; wait = min(max(2*wait, nextReport), lastReport) {
		for left := wait; left > 0; left = h.untilReport() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(left):
			}
		}
		if text := why(ctx); text != "" && ctx.Err() == nil {
			fmt.Fprintln(w, "node: waiting:", oneLine(text))
		}
	}
}

// offer says why a consumer of a stream has no producer; empty if it has one.
func offer(ctx context.Context, h *health, s stream.Status, name string) string {
	if len(s.Subscriptions) > 0 {
		return ""
	}
	if text := h.why(ctx); text != "" {
		return text
	}
	if len(s.Pending) == 0 {
		return fmt.Sprintf("connected to %s, and nobody offers stream %q; check its name, "+
			"and that the producer runs in this network", count(h.connected(), "peer"), name)
	}
	var parts []string
	for _, p := range s.Pending[:min(len(s.Pending), maxReported)] {
		part := fmt.Sprintf("peer %s offers stream %q", p.Peer.Short(), name)
		if p.Reason != wire.None {
			part += fmt.Sprintf(" and does not send it here: %s%s", p.Reason, remedy(p.Reason))
		} else {
			part += " and has not answered yet"
		}
		parts = append(parts, part)
	}
	if n := len(s.Pending) - maxReported; n > 0 {
		parts = append(parts, "and "+count(n, "other peer"))
	}
	return strings.Join(parts, "; ")
}

// remedy says what to do about a reason for which a producer refuses; empty if time may.
func remedy(r wire.Reason) string {
	switch r {
	case wire.NotAllowed:
		return ", it asks for a ticket or something else that this node does not have"
	case wire.Expired:
		return ", the ticket of this node has ended"
	case wire.Revoked:
		return ", the right of this node was taken back"
	case wire.NoCapacity:
		return ", it has as many consumers as it takes"
	case wire.TooLarge:
		return ", its datums may be larger than this node takes"
	case wire.TooSlow:
		return ", this node took its datums too slowly"
	case wire.DrainTimeout:
		return ", it closed, and this node had not taken everything"
	case wire.DialFailed:
		return ", it is not reached at its addresses"
	case wire.VersionMismatch:
		return ", update the older of the two"
	}
	return ""
}
