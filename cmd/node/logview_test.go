package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// logged returns the lines that a view logs of events.
func logged(t *testing.T, events ...event.Event) []string {
	t.Helper()
	var out strings.Builder
	v := newLogView(&out, 0)
	for _, e := range events {
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

func TestLogSaysThatTheStoreFailsAndWhichFile(t *testing.T) {
	var events []event.Event
	for i := range 60 { // an hour
		events = append(events, event.Event{Kind: event.StoreFailed, Mono: int64(i) * int64(time.Minute), Text: "put value: open /s/.new-peers: no space left on device"})
	}
	lines := logged(t, events...)
	if len(lines) < 5 || len(lines) > 15 {
		t.Errorf("%d lines of an hour, want 5 to 15:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if want := regexp.MustCompile(`level=WARN msg=store.failed text=".*/s/.new-peers: no space.*check=`); !want.MatchString(lines[0]) {
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
