package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// logged returns the lines that a view logs of events. Peers that begin with 2 are of the
// catalog, those that begin with 3 bootstrap peers.
func logged(t *testing.T, events ...event.Event) []string {
	t.Helper()
	var out strings.Builder
	v := newLogView(&out, 0, func(peer ident.PeerID) standing {
		return map[byte]standing{2: isPeer, 3: isBootstrap}[peer[0]]
	})
	for _, e := range events {
		for len(v.events) == logQueue {
			time.Sleep(time.Millisecond) // the view does not wait
		}
		v.Event(e)
	}
	v.Close()
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestLogNamesPeersAndStreamsAsPeopleDo(t *testing.T) {
	peer := ident.PeerID{0xab, 0xcd}
	lines := logged(t,
		event.Event{Kind: event.ConsumerOpened, Stream: ident.Stream("prices"), Text: "prices"},
		event.Event{Kind: event.Unsubscribed, Stream: ident.Stream("prices"), Peer: peer, Reason: wire.NotAllowed},
		event.Event{Kind: event.Unsubscribed, Stream: ident.Stream("other"), Peer: peer, Reason: wire.IdleTimeout},
	)
	for i, want := range []string{
		"stream=prices",
		`peer=abcd000000 stream=prices reason=not-allowed check="it asks for a ticket`,
		"stream=" + ident.Stream("other").Short(),
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %s\nwant %q in it", i, lines[i], want)
		}
	}
}

// The store may hold a peer that left while this node did not run.
func TestDialOfAPeerThatIsNotInTheCatalogIsNoWarning(t *testing.T) {
	levels := []string{1: "level=INFO", 2: "level=WARN", 3: "level=WARN"} // as logged has their standing
	for peer := byte(1); peer < 4; peer++ {
		line := logged(t, event.Event{Kind: event.SessionRefused, Peer: ident.PeerID{peer}, Reason: wire.DialFailed})[0]
		if ended := strings.Contains(line, "it may have ended"); !strings.Contains(line, levels[peer]) || ended != (peer == 1) {
			t.Errorf("peer %d: %s\nwant %s", peer, line, levels[peer])
		}
	}
}

func TestLogRepeatsItselfLessAndLess(t *testing.T) {
	refused := func(peer byte, at time.Duration) event.Event {
		return event.Event{
			Kind: event.SessionRefused, Peer: ident.PeerID{peer}, Reason: wire.DialFailed, Mono: int64(at),
			Text: "10.0.0.1:4701: no answer within 5s",
		}
	}
	var events []event.Event
	for i := range 600 { // ten minutes
		events = append(events, refused(1, time.Duration(i)*time.Second))
	}
	events = append(events, refused(2, 600*time.Second))
	lines := logged(t, events...)
	if len(lines) < 5 || len(lines) > 9 {
		t.Fatalf("%d lines of ten minutes of refusals, want 5 to 9:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, want := range []string{"10.0.0.1:4701", "times=11 for=10s"} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "check=") {
			t.Errorf("line %d: %s\nwant %q and what to check in it", i, lines[i], want)
		}
	}
	if last := lines[len(lines)-1]; strings.Contains(last, "times=") {
		t.Errorf("another peer is counted with the first: %s", last)
	}
}

func TestLogOfStrangersIsBounded(t *testing.T) {
	const perKind, lasts = 5000, 2 * time.Minute
	refused := func(kind event.Kind, first byte, i int) event.Event {
		return event.Event{
			Kind: kind, Peer: ident.PeerID{first, byte(i >> 8), byte(i)}, Reason: wire.DifferentNetwork,
			Mono: int64(i) * int64(lasts) / perKind,
		}
	}
	var events []event.Event
	for i := range perKind {
		for _, kind := range []event.Kind{event.SessionRefused, event.HandshakeRefused, event.EntryRefused} {
			events = append(events, refused(kind, 1, i))
		}
	}
	last := perKind - 1
	events = append(events, refused(event.SessionRefused, 2, last), refused(event.SessionRefused, 3, last))
	report := regexp.MustCompile(`left_out=(\d+) of="peers that are not in the catalog" check="smalti_session_refused`)
	var own, strangers, left int
	for _, line := range logged(t, events...) {
		switch {
		case strings.Contains(line, "refusals left out"):
			m := report.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("got %s", line)
			}
			left, _ = strconv.Atoi(m[1])
		case strings.Contains(line, "peer=01"):
			strangers++
		default:
			own++
		}
	}
	if most := refusalBurst + int(lasts/refusalEvery); strangers < refusalBurst || strangers > most {
		t.Errorf("%d lines of strangers, want %d to %d", strangers, refusalBurst, most)
	}
	if own != 2 || strangers+left != 3*perKind {
		t.Errorf("%d lines of strangers, %d left out, %d of others; want %d together, and 2",
			strangers, left, own, 3*perKind)
	}
}

func TestLogSaysOnceAMinuteWhatItLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out said
		v := newLogView(&out, 0, func(ident.PeerID) standing { return isStranger })
		for round := 1; round <= 2; round++ {
			for i := range refusalBurst + 3 {
				v.Event(event.Event{
					Kind: event.SessionRefused, Peer: ident.PeerID{byte(round), byte(i)}, Reason: wire.NotMember,
					Mono: int64(round) * int64(time.Hour),
				})
			}
			time.Sleep(leftOutEvery + time.Second)
			if n := strings.Count(out.String(), "left_out=3"); n != round {
				t.Errorf("round %d: %d reports, want one each round:\n%s", round, n, out.String())
			}
		}
		v.Close()
	})
}

func TestLogSaysThatTheStoreFailsAndWhichFile(t *testing.T) {
	var events []event.Event
	for i := range 60 { // an hour
		events = append(events, event.Event{
			Kind: event.StoreFailed, Mono: int64(i) * int64(time.Minute), Text: "put value: open /s/.new-peers: no space left",
		})
	}
	lines := logged(t, events...)
	if len(lines) < 5 || len(lines) > 15 {
		t.Errorf("%d lines of an hour, want 5 to 15:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	want := regexp.MustCompile(`level=WARN msg=store.failed text=".*/s/.new-peers: no space.*check=`)
	if !want.MatchString(lines[0]) {
		t.Errorf("got %s, want %s", lines[0], want)
	}
}

func TestLogSaysWhoseKeyRunsTwice(t *testing.T) {
	peer := ident.PeerID{1}
	lines := logged(t,
		event.Event{Kind: event.SessionRefused, Peer: peer, Reason: wire.IdentityInUse, N: 1, Text: "Application error 0xcd (remote): identity-in-use"},
		event.Event{Kind: event.SessionRefused, Peer: ident.PeerID{2}, Reason: wire.IdentityInUse, Text: "one key runs in two places"},
		event.Event{Kind: event.SessionDown, Peer: peer, Reason: wire.IdentityInUse},
		event.Event{Kind: event.SessionDown, Peer: peer, Reason: wire.IdleTimeout},
	)
	for i, want := range []string{
		`level=ERROR .*check="sees another process with this node's key: end it, or`,
		`level=WARN .*check="two processes run with the key of that peer`,
		`level=WARN .*check="ended the session because another process runs with`,
		`level=INFO msg=session.down peer=0100000000 reason=idle-timeout$`,
	} {
		if !regexp.MustCompile(want).MatchString(lines[i]) {
			t.Errorf("line %d: %s\nwant %s", i, lines[i], want)
		}
	}
}
