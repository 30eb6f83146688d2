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
	started   time.Time
	bootstrap []discovery.Endpoint

	mu       sync.Mutex
	sessions map[ident.PeerID]bool
	failed   map[ident.PeerID]string // why the latest dial of a bootstrap peer failed
	tries    map[ident.PeerID]int
}

var _ runtime.Observer = (*health)(nil)

func newHealth(bootstrap []discovery.Endpoint) *health {
	h := &health{
		started: time.Now(), bootstrap: bootstrap,
		sessions: map[ident.PeerID]bool{}, failed: map[ident.PeerID]string{}, tries: map[ident.PeerID]int{},
	}
	for _, e := range bootstrap {
		h.tries[e.Peer] = 0
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
	switch e.Kind {
	case event.SessionUp:
		h.sessions[e.Peer] = true
		delete(h.failed, e.Peer)
	case event.SessionDown:
		delete(h.sessions, e.Peer)
	case event.SessionRefused:
		if n, watched := h.tries[e.Peer]; watched {
			h.tries[e.Peer] = n + 1
			h.failed[e.Peer] = e.Text
		}
	}
}

// connected returns how many peers the node has a session with.
func (h *health) connected() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// why says why there is no connection at all; empty if there is one.
func (h *health) why(ctx context.Context) string {
	if h.connected() > 0 {
		return ""
	}
	since := time.Since(h.started).Round(time.Second)
	if len(h.bootstrap) == 0 {
		return fmt.Sprintf("no peer has connected in %s, and there is no --bootstrap to begin with", since)
	}
	reported := h.bootstrap[:min(len(h.bootstrap), maxReported)]
	parts := make([]string, len(reported))
	var all sync.WaitGroup
	for i, e := range reported {
		h.mu.Lock()
		failed, tries := h.failed[e.Peer], h.tries[e.Peer]
		h.mu.Unlock()
		part := fmt.Sprintf("peer %s at %s: ", e.Peer.Short(), strings.Join(e.Addrs, ", "))
		if tries > 0 {
			part += fmt.Sprintf("%s (tried %s); ", failed, times(tries))
		}
		all.Go(func() { parts[i] = part + probe(ctx, e.Addrs[0]) })
	}
	all.Wait()
	if n := len(h.bootstrap) - maxReported; n > 0 {
		parts = append(parts, fmt.Sprintf("and %s", count(n, "other peer")))
	}
	return fmt.Sprintf("no connection in %s: %s", since, strings.Join(parts, "; "))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// probe says what a machine finds out about a UDP address that did not answer: the system
// of the other side refuses packets to a port on which nothing listens, unless something
// between keeps that back.
func probe(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, probeMax)
	defer cancel()
	silent := fmt.Sprintf("nothing comes back from there; check that the address is right, "+
		"that the node runs there, and that UDP port %s is let through both ways", portOf(addr))
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
		return fmt.Sprintf("nothing listens on UDP port %s there; check that the node runs, and that this is its port", portOf(addr))
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no machine has that address; check it"
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

// explain writes why a command waits, while why returns something, until ctx ends.
func explain(ctx context.Context, w io.Writer, why func(context.Context) string) {
	for wait := firstReport; ; wait = min(max(2*wait, nextReport), lastReport) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
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
	case wire.DialFailed:
		return ", it is not reached at its addresses"
	case wire.VersionMismatch:
		return ", update the older of the two"
	}
	return ""
}
