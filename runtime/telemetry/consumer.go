package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/smalti/smalti/runtime/event"
)

// consumer counts what is about the consumers of one stream.
type consumer struct {
	open, online, producers prometheus.Gauge
	attempts, subscribed    prometheus.Counter
	failed, ended           *prometheus.CounterVec
	received, bytes         prometheus.Counter
	missed                  *prometheus.CounterVec
	unknown                 prometheus.Counter
	discarded, undecoded    prometheus.Counter
}

// newConsumers gives what makes the series of one stream.
func newConsumers(f promauto.Factory) func(stream string) *consumer {
	p := part{f, "consumer"}
	var (
		open       = p.streamGauge("open", "Consumers that are open.")
		online     = p.streamGauge("online", "Consumers whose online condition is met.")
		producers  = p.streamGauge("producers", "Producers that consumers are subscribed to, once for each consumer.")
		attempts   = p.streamCounter("attempts_total", "Attempts to subscribe.")
		subscribed = p.streamCounter("subscriptions_total", "Attempts that came to a subscription.")
		failed     = p.streamReasons("attempts_failed_total", "Attempts that came to nothing, by reason.")
		ended      = p.streamReasons("subscriptions_ended_total", "Subscriptions that ended, by reason.")
		received   = p.streamCounter("received_datums_total", "Datums that came into the queues.")
		bytes      = p.streamCounter("received_bytes_total", "Size of those, as they were encoded.")
		missed     = p.streamReasons("missed_datums_total", "Datums that consumers were told to have missed, by reason: lagged, or none for those that were sent while they were away, of which some may not have matched.")
		unknown    = p.streamCounter("missed_unknown_total", "How often an unknown number of datums was missed besides, because a producer that had not ended in order offers the stream no more or came back as another incarnation.")
		discarded  = p.streamCounter("discarded_datums_total", "What was in the queues of consumers that closed.")
		undecoded  = p.streamCounter("decode_failures_total", "Datums that could not be decoded.")
	)
	return func(s string) *consumer {
		return &consumer{
			open: open(s), online: online(s), producers: producers(s),
			attempts: attempts(s), subscribed: subscribed(s), failed: failed(s), ended: ended(s),
			received: received(s), bytes: bytes(s), missed: missed(s), unknown: unknown(s),
			discarded: discarded(s), undecoded: undecoded(s),
		}
	}
}

func (c *consumer) event(e event.Event) {
	switch e.Kind {
	case event.ConsumerOpened:
		c.open.Inc()
	case event.ConsumerClosed:
		c.open.Dec()
	case event.ConsumerOnline:
		c.online.Inc()
	case event.ConsumerOffline:
		c.online.Dec()
	case event.Subscribing:
		c.attempts.Inc()
	case event.Subscribed:
		c.subscribed.Inc()
		c.producers.Inc()
	case event.Unsubscribed:
		if e.N == 0 {
			c.failed.WithLabelValues(label(e.Reason)).Inc()
			return
		}
		c.ended.WithLabelValues(label(e.Reason)).Inc()
		c.producers.Dec()
	case event.Received:
		c.received.Add(float64(e.N))
		c.bytes.Add(float64(e.Bytes))
	case event.Skipped:
		c.missed.WithLabelValues(label(e.Reason)).Add(float64(e.N))
	case event.MissedUnknown:
		c.unknown.Inc()
	case event.Discarded:
		c.discarded.Add(float64(e.N))
	case event.DecodeFailed:
		c.undecoded.Inc()
	}
}
