package simrun

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/scenarios"
)

func TestNumbersAreExact(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{seconds(0), "   0.000000"},
		{seconds(1_234_567_890), "   1.234567"},
		{seconds(86_400_000_000_000), "86400.000000"},
		{count(1, "host"), "1 host"},
		{count(0, "host"), "0 hosts"},
		{tenths(perSecond(10*40, 5*time.Second+300*time.Millisecond)), "7.5"},
		{tenths(0), "0.0"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	if got := perSecond(math.MaxUint64/2, time.Second); got != math.MaxUint64/2 {
		t.Errorf("got %d a second, want half of all", got)
	}
	if got := perSecond(7, 0); got != 7000 {
		t.Errorf("got %d a second in no time, want 7000: a millisecond at least", got)
	}
}

func TestQuoteMakesOneWordForAShell(t *testing.T) {
	for text, want := range map[string]string{
		"a/b-1.yaml": "a/b-1.yaml",
		"":           "''",
		"a b":        "'a b'",
		"it's":       `'it'\''s'`,
		"$(x)":       "'$(x)'",
		"~/x":        "'~/x'",
	} {
		if got := quote(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestWorseOrdersVerdicts(t *testing.T) {
	order := []int{ExitPass, ExitInconclusive, ExitLiveness, ExitSafety}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("worse of %d and %d: got %d, want %d", a, b, got, want)
			}
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputThatCannotBeWrittenIsAFailureOfTheTool(t *testing.T) {
	for _, args := range [][]string{
		{"--seed", "1", "--scenario", "hello"},
		{"--seed", "1", "--scenario", "hello", "--json"},
		{"list"},
		{"explain", "--seed", "1"},
	} {
		var errs strings.Builder
		if code := Command(args, nil, full{}, &errs); code != ExitTool || !strings.HasSuffix(errs.String(), "disk full\n") {
			t.Errorf("%v: got %d, %q, want %d and why", args, code, errs.String(), ExitTool)
		}
	}
}

// logged gives the log of records for hosts a, b and c.
func logged(records ...*event.Record) []string {
	var out strings.Builder
	l := newLog(&out, scenarios.Scenario{Hosts: []scenarios.Host{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Streams: []scenarios.Stream{{Name: "s"}}}, false)
	for _, r := range records {
		l.observe(r)
	}
	l.close()
	_, body, _ := strings.Cut(out.String(), " c\n")
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
}

func record(at time.Duration, host string, e event.Event) *event.Record {
	return &event.Record{At: int64(at), Host: host, Event: e}
}

func TestLogHasAColumnForEachHostAndNamesForIds(t *testing.T) {
	a, b := ident.PeerID{1}, ident.PeerID{2}
	got := logged(
		record(0, "a", event.Event{Kind: event.NodeStarted, Node: a}),
		record(0, "b", event.Event{Kind: event.NodeStarted, Node: b}),
		record(time.Second, "c", event.Event{Kind: event.PeerDiscovered, Peer: a}),
		record(time.Second, "c", event.Event{Kind: event.PeerDiscovered, Peer: b}),
		record(time.Second, "c", event.Event{Kind: event.Enqueued, Peer: b}),
		record(2*time.Second, "", event.Event{Kind: event.FaultBegan, Text: "crash a"}),
		record(3*time.Second, "c", event.Event{Kind: event.SubEnded, Peer: b, Stream: ident.Stream("s"), Reason: wire.TooSlow}),
	)
	gap := strings.Repeat(" ", 23)
	want := []string{
		"   0.000000 starts",
		"   0.000000 " + gap + "starts",
		"   1.000000 " + gap + gap + "finds a b",
		"   2.000000 -- begins: crash a",
		"   3.000000 " + gap + gap + "s x b too-slow",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("log (-got +want):\n%s", diff)
	}
}

func TestLogKeepsTheBeginningAndTheEnd(t *testing.T) {
	var records []*event.Record
	for i := range logHead + logTail + 5 {
		records = append(records, record(time.Duration(i)*time.Second, "a", event.Event{Kind: event.NodeStopped}))
	}
	got := logged(records...)
	if len(got) != logHead+1+logTail || got[logHead] != "        ... 5 more lines; --events shows all" || !strings.HasPrefix(got[logHead+1], "  45.000000 ") {
		t.Errorf("got %d lines:\n%s", len(got), strings.Join(got, "\n"))
	}
}

func TestLogOfTwelveHostsFitsATerminal(t *testing.T) {
	var out strings.Builder
	var s scenarios.Scenario
	for i := range 12 {
		s.Hosts = append(s.Hosts, scenarios.Host{Name: fmt.Sprintf("h%d", i+1)})
	}
	l := newLog(&out, s, false)
	l.observe(record(0, "h12", event.Event{Kind: event.NodeStopped}))
	l.observe(record(0, "h12", event.Event{Kind: event.ProducerOpened, Stream: ident.Stream("s")}))
	l.observe(record(0, "h3", event.Event{Kind: event.HostCrashed, Text: strings.Repeat("x", 200)}))
	l.close()
	for line := range strings.Lines(out.String()) {
		if len(line) > maxLine+1 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
	if !strings.HasSuffix(strings.Split(out.String(), "\n")[4], " stopped") {
		t.Errorf("the last column has no room for a word:\n%s", out.String())
	}
}

func TestDivergeFindsTheFirstDifference(t *testing.T) {
	count := func(from, to int) (lines []string) {
		for i := from; i <= to; i++ {
			lines = append(lines, fmt.Sprint("line ", i))
		}
		return lines
	}
	long := count(1, 100)
	changed := slices.Clone(long)
	changed[59] = "other"
	for name, test := range map[string]struct {
		a, b []string
		want divergence
	}{
		"same":            {long, long, divergence{before: count(81, 100)}},
		"both empty":      {nil, nil, divergence{}},
		"one empty":       {nil, count(1, 3), divergence{line: 1, after: [2][]string{nil, count(1, 3)}}},
		"in the middle":   {long, changed, divergence{60, count(40, 59), [2][]string{count(60, 79), append([]string{"other"}, count(61, 79)...)}}},
		"one ends before": {long[:95], long, divergence{96, count(76, 95), [2][]string{nil, count(96, 100)}}},
		"the other ends":  {long, long[:5], divergence{6, count(1, 5), [2][]string{count(6, 25), nil}}},
	} {
		got, err := diverge(strings.NewReader(strings.Join(test.a, "\n")), strings.NewReader(strings.Join(test.b, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, test.want, cmp.AllowUnexported(divergence{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}
