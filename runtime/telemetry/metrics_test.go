package telemetry_test

import (
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/telemetry"
	"github.com/smalti/smalti/runtime/wire"
)

// rows are events, one by one, and the series that each changes.
var rows = []struct {
	event event.Event
	want  map[string]float64
}{
	{event.Event{Kind: event.SessionUp}, map[string]float64{`session_active`: 1, `session_opened_total`: 1}},
	{event.Event{Kind: event.SessionUp}, map[string]float64{`session_active`: 1, `session_opened_total`: 1}},
	{event.Event{Kind: event.SessionDown, Reason: wire.IdleTimeout}, map[string]float64{`session_active`: -1, `session_closed_total idle-timeout`: 1}},
	{event.Event{Kind: event.SessionRefused, Reason: wire.NotMember}, map[string]float64{`session_refused_total not-member`: 1}},
	{event.Event{Kind: event.Dialling, Text: "127.0.0.1:4000"}, map[string]float64{`session_dials_total`: 1}},
	{event.Event{Kind: event.DialWithheld, Text: "127.0.0.1:4000"}, map[string]float64{`session_dials_withheld_total`: 1}},
	{event.Event{Kind: event.StoreFailed, Text: "no space"}, map[string]float64{`store_failures_total`: 1}},
	{event.Event{Kind: event.CallbackPanicked}, map[string]float64{`callback_panics_total`: 1}},
	{event.Event{Kind: event.CallbackSlow, N: 25e7}, map[string]float64{`callback_slow_total`: 1, `callback_slow_seconds_total`: 0.25}},

	{event.Event{Kind: event.PeerDiscovered}, map[string]float64{`discovery_peers`: 1, `discovery_peers_discovered_total`: 1}},
	{event.Event{Kind: event.PeerDiscovered}, map[string]float64{`discovery_peers`: 1, `discovery_peers_discovered_total`: 1}},
	{event.Event{Kind: event.PeerUpdated}, map[string]float64{`discovery_peers_updated_total`: 1}},
	{event.Event{Kind: event.PeerDeparted}, map[string]float64{`discovery_peers`: -1, `discovery_peers_departed_total`: 1}},
	{event.Event{Kind: event.PeerDeparted, Reason: wire.IdleTimeout}, map[string]float64{`discovery_peers_departed_total`: 1}},
	{event.Event{Kind: event.PeerSuspected}, map[string]float64{`discovery_peers_suspected_total`: 1}},
	{event.Event{Kind: event.PeerHidden}, map[string]float64{`discovery_peers`: -1, `discovery_peers_hidden_total`: 1}},
	{event.Event{Kind: event.PeerReturned}, map[string]float64{`discovery_peers`: 1, `discovery_peers_returned_total`: 1}},
	{event.Event{Kind: event.EntryRefused}, map[string]float64{`discovery_entries_refused_total`: 1}},
	{event.Event{Kind: event.EntryPublished}, map[string]float64{`discovery_entries_published_total`: 1}},
	{event.Event{Kind: event.SyncStarted}, nil},
	{event.Event{Kind: event.SyncEnded, N: 7}, map[string]float64{`discovery_syncs_total`: 1, `discovery_entries_synced_total`: 7}},
	{event.Event{Kind: event.Pinged, N: 5e8}, map[string]float64{`discovery_ping_seconds`: 0.5}},
	{event.Event{Kind: event.Pinged}, nil},
	{event.Event{Kind: event.Pinged, Reason: wire.IdleTimeout}, map[string]float64{`discovery_pings_failed_total idle-timeout`: 1}},

	{event.Event{Kind: event.HandshakeRefused, Reason: wire.StreamNotFound, Stream: ident.Stream("nobody's")}, map[string]float64{`stream_handshakes_refused_total stream-not-found`: 1}},
	{event.Event{Kind: event.ProducerOpened, Text: "s"}, map[string]float64{`producer_open s`: 1}},
	{event.Event{Kind: event.ProducerOnline}, map[string]float64{`producer_online s`: 1}},
	{event.Event{Kind: event.SubAccepted, N: 9, From: 9}, map[string]float64{`producer_consumers s`: 1, `producer_subscriptions_total s`: 1}},
	{event.Event{Kind: event.SubAccepted, N: 9}, map[string]float64{`producer_consumers s`: 1, `producer_subscriptions_total s`: 1}},
	{event.Event{Kind: event.SubRefused, Reason: wire.NoCapacity}, map[string]float64{`producer_subscriptions_refused_total no-capacity s`: 1}},
	{event.Event{Kind: event.Enqueued, From: 1, To: 10, N: 10, Bytes: 1000}, map[string]float64{`producer_enqueued_datums_total s`: 10}},
	{event.Event{Kind: event.Written, From: 1, To: 8, N: 8, Bytes: 800}, map[string]float64{`producer_written_datums_total s`: 8, `producer_written_bytes_total s`: 800}},
	{event.Event{Kind: event.Dropped, From: 9, To: 10, N: 2, Bytes: 200, Reason: wire.Lagged}, map[string]float64{`producer_dropped_datums_total lagged s`: 2}},
	{event.Event{Kind: event.Unmatched, From: 1, To: 4, N: 4}, map[string]float64{`producer_unmatched_datums_total s`: 4}},
	{event.Event{Kind: event.CriteriaFailed, From: 1, To: 4, N: 3, Text: "x > 1"}, map[string]float64{`producer_criteria_failures_total s`: 3}},
	{event.Event{Kind: event.InputDropped, From: 1, To: 5, N: 5, Reason: wire.NoConsumer}, map[string]float64{`producer_undelivered_datums_total no-consumer s`: 5}},
	{event.Event{Kind: event.EncodeFailed}, map[string]float64{`producer_encode_failures_total s`: 1}},
	{event.Event{Kind: event.SubExpiry, To: 5}, nil},
	{event.Event{Kind: event.SubDraining}, nil},
	{event.Event{Kind: event.SubEnded, N: 3, Reason: wire.TooSlow}, map[string]float64{`producer_consumers s`: -1, `producer_subscriptions_ended_total too-slow s`: 1, `producer_returned_datums_total s`: 3}},
	{event.Event{Kind: event.ProducerClosing}, nil},
	{event.Event{Kind: event.ProducerOffline}, map[string]float64{`producer_online s`: -1}},
	{event.Event{Kind: event.ProducerClosed}, map[string]float64{`producer_open s`: -1}},
	{event.Event{Kind: event.ProducerOpened, Text: "s"}, map[string]float64{`producer_open s`: 1}},
	{event.Event{Kind: event.ProducerOnline}, map[string]float64{`producer_online s`: 1}},

	{event.Event{Kind: event.ConsumerOpened, Text: "s"}, map[string]float64{`consumer_open s`: 1}},
	{event.Event{Kind: event.ConsumerOpened, Text: "s"}, map[string]float64{`consumer_open s`: 1}},
	{event.Event{Kind: event.ConsumerOnline, N: 4}, map[string]float64{`consumer_online s`: 1}},
	{event.Event{Kind: event.ConsumerOnline, N: 4}, map[string]float64{`consumer_online s`: 1}},
	{event.Event{Kind: event.Subscribing, N: 12, Text: "x > 1"}, map[string]float64{`consumer_attempts_total s`: 1}},
	{event.Event{Kind: event.Unsubscribed, Reason: wire.IdleTimeout}, map[string]float64{`consumer_attempts_failed_total idle-timeout s`: 1}},
	{event.Event{Kind: event.Subscribed, From: 6}, map[string]float64{`consumer_producers s`: 1, `consumer_subscriptions_total s`: 1}},
	{event.Event{Kind: event.Subscribed, From: 6}, map[string]float64{`consumer_producers s`: 1, `consumer_subscriptions_total s`: 1}},
	{event.Event{Kind: event.Unsubscribed, Reason: wire.Expired, N: 1}, map[string]float64{`consumer_producers s`: -1, `consumer_subscriptions_ended_total expired s`: 1}},
	{event.Event{Kind: event.Received, From: 1, To: 6, N: 6, Bytes: 60}, map[string]float64{`consumer_received_datums_total s`: 6, `consumer_received_bytes_total s`: 60}},
	{event.Event{Kind: event.Skipped, From: 7, To: 9, N: 3, Reason: wire.Lagged}, map[string]float64{`consumer_missed_datums_total lagged s`: 3}},
	{event.Event{Kind: event.Skipped, From: 10, To: 11, N: 2}, map[string]float64{`consumer_missed_datums_total none s`: 2}},
	{event.Event{Kind: event.DecodeFailed, N: 1}, map[string]float64{`consumer_decode_failures_total s`: 1}},
	{event.Event{Kind: event.ConsumerOffline, N: 4}, map[string]float64{`consumer_online s`: -1}},
	{event.Event{Kind: event.MissedUnknown}, map[string]float64{`consumer_missed_unknown_total s`: 1}},
	{event.Event{Kind: event.Discarded, N: 5}, map[string]float64{`consumer_discarded_datums_total s`: 5}},
	{event.Event{Kind: event.ConsumerClosed}, map[string]float64{`consumer_open s`: -1}},

	{event.Event{Kind: event.SubEnded, Reason: wire.Reason(1000)}, map[string]float64{`producer_consumers s`: -1, `producer_subscriptions_ended_total other s`: 1}},
	{event.Event{Kind: event.SessionRefused, Reason: wire.Reason(1000)}, map[string]float64{`session_refused_total other`: 1}},
	{event.Event{Kind: event.SessionRefused, Reason: wire.Reason(60000)}, map[string]float64{`session_refused_total other`: 1}},
	{event.Event{Kind: event.SocketFailed}, map[string]float64{`socket_failures_total`: 1}},
	{event.Event{Kind: event.SendFailed, N: 7}, map[string]float64{`socket_packets_unsent_total`: 7}},
	{event.Event{Kind: event.SessionMeasured, N: 250_000_000}, map[string]float64{`session_rtt_seconds`: 0.25}},
	{event.Event{Kind: event.NodeStarted}, nil},
	{event.Event{Kind: event.Mark, Text: "m"}, nil},
	{event.Event{Kind: event.AppSent, N: 1}, nil},
	{event.Event{Kind: event.HostCrashed}, nil},
}

// gathered gives all series of m by name and labels in order.
func gathered(t *testing.T, m *telemetry.Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			words := []string{strings.TrimPrefix(f.GetName(), "smalti_")}
			for _, l := range s.GetLabel() {
				words = append(words, l.GetValue())
			}
			v := s.GetGauge().GetValue() + s.GetCounter().GetValue() + s.GetHistogram().GetSampleSum()
			all[strings.Join(words, " ")] = v
		}
	}
	return all
}

// fed are metrics that heard all rows.
func fed(t *testing.T, each func(i int, m *telemetry.Metrics)) *telemetry.Metrics {
	t.Helper()
	m := telemetry.New()
	for i, row := range rows {
		e := row.event
		if e.Stream.IsZero() && (e.Kind >= event.ProducerOpened || e.Kind == event.HandshakeRefused) {
			e.Stream = ident.Stream("s")
		}
		m.Event(e)
		each(i, m)
	}
	return m
}

func TestEachEventCountsOnceAndInItsPlace(t *testing.T) {
	before := gathered(t, telemetry.New())
	fed(t, func(i int, m *telemetry.Metrics) {
		after := gathered(t, m)
		changed := map[string]float64{}
		for name, v := range after {
			if d := v - before[name]; d != 0 {
				changed[name] = d
			}
		}
		want := rows[i].want
		if want == nil {
			want = map[string]float64{}
		}
		if diff := cmp.Diff(want, changed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rows[i].event, diff)
		}
		before = after
	})
}

// TestEveryMetricIsInTheTable compares docs/metrics.md with what there is. Each
// metric was moved by a row above.
func TestEveryMetricIsInTheTable(t *testing.T) {
	m := fed(t, func(int, *telemetry.Metrics) {})
	problems, err := testutil.GatherAndLint(m.Registry())
	if err != nil || len(problems) > 0 {
		t.Errorf("names: %v %v", problems, err)
	}
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.SortFunc(labels, func(a, b string) int { return strings.Compare(b, a) }) // stream, reason
		want[f.GetName()] = strings.Join([]string{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}, " | ")
	}
	data, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(smalti_\\w+)` \\| (\\w+) \\| ([\\w, ]*) ?\\| (.+) \\|$").FindAllStringSubmatch(string(data), -1) {
		got[row[1]] = strings.Join([]string{row[2], strings.TrimSpace(row[3]), row[4]}, " | ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/metrics.md (-metrics +table):\n%s", diff)
	}
	moved := map[string]bool{}
	for _, row := range rows {
		for name := range row.want {
			moved["smalti_"+strings.Fields(name)[0]] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(moved))); diff != "" {
		t.Errorf("metrics that no row moves (-metrics +moved):\n%s", diff)
	}
}

func TestHandlerServesWhatPrometheusReads(t *testing.T) {
	m := fed(t, func(int, *telemetry.Metrics) {})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	if want := `smalti_producer_dropped_datums_total{reason="lagged",stream="s"} 2`; !strings.Contains(string(body), want) {
		t.Errorf("no %s in\n%s", want, body)
	}
}

func TestStreamsAreBoundedAndTheirNamesMadeSafe(t *testing.T) {
	m := telemetry.New()
	open := func(name string) {
		m.Event(event.Event{Kind: event.ProducerOpened, Stream: ident.Stream(name), Text: name})
	}
	open("bad\xff")
	m.Event(event.Event{Kind: event.Enqueued, Stream: ident.Stream("unheard of"), N: 1})
	for i := range telemetry.MaxStreams {
		open("s" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))
	}
	all := gathered(t, m)
	if all["producer_open bad\uFFFD"] != 1 || all["producer_enqueued_datums_total "+ident.Stream("unheard of").Short()] != 1 {
		t.Error("a stream without a good name has no series of its own")
	}
	if got := all["producer_open other"]; got != 2 {
		t.Errorf("%v streams are counted as others, want the 2 over the bound", got)
	}
}

func TestEventAllocatesNothingOnTheDataPath(t *testing.T) {
	m := telemetry.New()
	for _, kind := range []event.Kind{event.Enqueued, event.Written, event.Dropped, event.Unmatched, event.InputDropped, event.Received, event.Skipped} {
		e := event.Event{Kind: kind, Stream: ident.Stream("s"), N: 3, Bytes: 30, Reason: wire.Lagged}
		m.Event(e)
		if n := testing.AllocsPerRun(100, func() { m.Event(e) }); n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	m := telemetry.New()
	e := event.Event{Kind: event.Enqueued, Stream: ident.Stream("s"), N: 3, Bytes: 30}
	for b.Loop() {
		m.Event(e)
	}
}
