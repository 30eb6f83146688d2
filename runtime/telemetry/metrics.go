package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// Metrics counts the events of one node. It is an observer, which an Env and a
// transport are given.
type Metrics struct {
	registry  *prometheus.Registry
	node      node
	discovery discovery
	producers perStream[producer]
	consumers perStream[consumer]
}

// New makes metrics that are all zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	f := promauto.With(m.registry)
	m.node, m.discovery = newNode(f), newDiscovery(f)
	m.producers.make, m.consumers.make = newProducers(f), newConsumers(f)
	return m
}

// Registry is where the metrics are, and where a program can add its own.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the metrics in the formats that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Event counts an event. It is runtime.Observer's method.
func (m *Metrics) Event(e event.Event) {
	switch k := e.Kind; {
	case k < event.PeerDiscovered:
		m.node.event(e)
	case k < event.ProducerOpened:
		m.discovery.event(e)
	case k == event.StoreFailed:
		m.node.unsaved.Inc()
	case k == event.HandshakeRefused:
		m.node.handshakes.WithLabelValues(label(e.Reason)).Inc()
	case k == event.HandshakeBegan, k == event.HandshakeEnded:
	case k < event.ConsumerOpened:
		m.producers.of(e.Stream, e.Text).event(e)
	case k < event.AppSent, k == event.MissedUnknown:
		m.consumers.of(e.Stream, e.Text).event(e)
	}
}

// node counts what is about the node as a whole, and its sessions.
type node struct {
	sessions         prometheus.Gauge
	opened           prometheus.Counter
	closed, refused  *prometheus.CounterVec
	handshakes       *prometheus.CounterVec
	dials, withheld  prometheus.Counter
	trips            prometheus.Histogram
	sockets, unsent  prometheus.Counter
	panicked, slowed prometheus.Counter
	slow             prometheus.Counter
	unsaved          prometheus.Counter
}

func newNode(f promauto.Factory) node {
	session, callback, socket := part{f, "session"}, part{f, "callback"}, part{f, "socket"}
	return node{
		sessions:   session.gauge("active", "Sessions with peers that are up."),
		opened:     session.counter("opened_total", "Sessions that passed their hello."),
		closed:     session.reasons("closed_total", "Sessions that ended, by reason."),
		refused:    session.reasons("refused_total", "Connections that were refused by either side, by reason."),
		dials:      session.counter("dials_total", "Addresses that were dialled."),
		withheld:   session.counter("dials_withheld_total", "Addresses that were not dialled, because they failed lately or too many were new."),
		trips:      session.durations("rtt_seconds", "Round trips of sessions that were measured because somebody asked for them."),
		sockets:    socket.counter("failures_total", "Failures of the node's socket, after which it was opened again."),
		unsent:     socket.counter("packets_unsent_total", "Packets that could not be sent, reported every 10 seconds; they count as lost on the network."),
		handshakes: part{f, "stream"}.reasons("handshakes_refused_total", "Subscriptions that were refused before a producer could judge them, by reason."),
		panicked:   callback.counter("panics_total", "Callbacks of the application that panicked."),
		slowed:     callback.counter("slow_total", "Callbacks of the application that took over 10 ms."),
		slow:       callback.counter("slow_seconds_total", "Time that those took."),
		unsaved:    part{f, "store"}.counter("failures_total", "Values that the node's store did not keep."),
	}
}

func (n *node) event(e event.Event) {
	switch e.Kind {
	case event.SessionUp:
		n.opened.Inc()
		n.sessions.Inc()
	case event.SessionDown:
		n.closed.WithLabelValues(label(e.Reason)).Inc()
		n.sessions.Dec()
	case event.SessionRefused:
		n.refused.WithLabelValues(label(e.Reason)).Inc()
	case event.Dialling:
		n.dials.Inc()
	case event.DialWithheld:
		n.withheld.Inc()
	case event.SocketFailed:
		n.sockets.Inc()
	case event.SendFailed:
		n.unsent.Add(float64(e.N))
	case event.SessionMeasured:
		n.trips.Observe(seconds(e.N))
	case event.CallbackPanicked:
		n.panicked.Inc()
	case event.CallbackSlow:
		n.slowed.Inc()
		n.slow.Add(seconds(e.N))
	}
}

// discovery counts what is about the catalog.
type discovery struct {
	peers                                 prometheus.Gauge
	discovered, updated, departed         prometheus.Counter
	suspected, hidden, returned           prometheus.Counter
	refused, published, synced, exchanged prometheus.Counter
	pings                                 prometheus.Histogram
	failed                                *prometheus.CounterVec
}

func newDiscovery(f promauto.Factory) discovery {
	p := part{f, "discovery"}
	return discovery{
		peers:      p.gauge("peers", "Peers in the catalog."),
		discovered: p.counter("peers_discovered_total", "Peers that came into the catalog."),
		updated:    p.counter("peers_updated_total", "Newer entries of peers in the catalog."),
		departed:   p.counter("peers_departed_total", "Peers that left, or were forgotten because they did not answer."),
		suspected:  p.counter("peers_suspected_total", "Peers that did not answer this node, which said so."),
		hidden:     p.counter("peers_hidden_total", "Peers taken out of the catalog because they do not answer."),
		returned:   p.counter("peers_returned_total", "Peers that were hidden and are back in the catalog."),
		refused:    p.counter("entries_refused_total", "Entries of others that were not taken."),
		published:  p.counter("entries_published_total", "Entries that the node signed for itself."),
		synced:     p.counter("syncs_total", "Exchanges of catalogs that ended."),
		exchanged:  p.counter("entries_synced_total", "Entries that came by those."),
		pings:      p.durations("ping_seconds", "Round trips that pings measured."),
		failed:     p.reasons("pings_failed_total", "Pings without an answer, by reason."),
	}
}

func (d *discovery) event(e event.Event) {
	switch e.Kind {
	case event.PeerDiscovered:
		d.discovered.Inc()
		d.peers.Inc()
	case event.PeerUpdated:
		d.updated.Inc()
	case event.PeerDeparted:
		d.departed.Inc()
		if e.Reason == wire.None {
			d.peers.Dec()
		}
	case event.PeerSuspected:
		d.suspected.Inc()
	case event.PeerHidden:
		d.hidden.Inc()
		d.peers.Dec()
	case event.PeerReturned:
		d.returned.Inc()
		d.peers.Inc()
	case event.EntryRefused:
		d.refused.Inc()
	case event.EntryPublished:
		d.published.Inc()
	case event.SyncEnded:
		d.synced.Inc()
		d.exchanged.Add(float64(e.N))
	case event.Pinged:
		switch {
		case e.Reason != 0:
			d.failed.WithLabelValues(label(e.Reason)).Inc()
		case e.N > 0:
			d.pings.Observe(seconds(e.N))
		}
	}
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }
