package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/smalti/smalti/runtime/event"
)

// producer counts what is about the producer of one stream.
type producer struct {
	open, online, consumers      prometheus.Gauge
	admitted                     prometheus.Counter
	refused, ended               *prometheus.CounterVec
	enqueued, written, returned  prometheus.Counter
	bytes                        prometheus.Counter
	dropped, undelivered         *prometheus.CounterVec
	unmatched, unjudged, encodes prometheus.Counter
}

// newProducers gives what makes the series of one stream.
func newProducers(f promauto.Factory) func(stream string) *producer {
	p := part{f, "producer"}
	var (
		open        = p.streamGauge("open", "Producers that are open: 1, or 0 after a close.")
		online      = p.streamGauge("online", "Whether the online condition is met: 1 or 0.")
		consumers   = p.streamGauge("consumers", "Subscriptions that are served.")
		admitted    = p.streamCounter("subscriptions_total", "Subscriptions that were admitted.")
		refused     = p.streamReasons("subscriptions_refused_total", "Subscriptions that were refused, by reason.")
		ended       = p.streamReasons("subscriptions_ended_total", "Subscriptions that ended, by reason.")
		enqueued    = p.streamCounter("enqueued_datums_total", "Datums that were queued, once for each subscription.")
		written     = p.streamCounter("written_datums_total", "Datums that the network took, once for each subscription.")
		bytes       = p.streamCounter("written_bytes_total", "Size of those, as they were encoded.")
		returned    = p.streamCounter("returned_datums_total", "Datums that the network took and gave back unsent at the end of a subscription; they are dropped.")
		dropped     = p.streamReasons("dropped_datums_total", "Datums that were queued and will not be delivered, once for each subscription, by reason.")
		undelivered = p.streamReasons("undelivered_datums_total", "Datums that were sent and queued for nobody, by reason.")
		unmatched   = p.streamCounter("unmatched_datums_total", "Datums that did not match the criteria, once for each subscription.")
		unjudged    = p.streamCounter("criteria_failures_total", "Datums that criteria could not be evaluated on, once for each expression.")
		encodes     = p.streamCounter("encode_failures_total", "Datums that could not be encoded, or were too large.")
	)
	return func(s string) *producer {
		return &producer{
			open: open(s), online: online(s), consumers: consumers(s),
			admitted: admitted(s), refused: refused(s), ended: ended(s),
			enqueued: enqueued(s), written: written(s), bytes: bytes(s), returned: returned(s),
			dropped: dropped(s), undelivered: undelivered(s),
			unmatched: unmatched(s), unjudged: unjudged(s), encodes: encodes(s),
		}
	}
}

func (p *producer) event(e event.Event) {
	switch e.Kind {
	case event.ProducerOpened:
		p.open.Inc()
	case event.ProducerClosed:
		p.open.Dec()
	case event.ProducerOnline:
		p.online.Set(1)
	case event.ProducerOffline:
		p.online.Set(0)
	case event.SubAccepted:
		p.admitted.Inc()
		p.consumers.Inc()
	case event.SubRefused:
		p.refused.WithLabelValues(label(e.Reason)).Inc()
	case event.SubEnded:
		p.ended.WithLabelValues(label(e.Reason)).Inc()
		p.consumers.Dec()
		p.returned.Add(float64(e.N))
	case event.Enqueued:
		p.enqueued.Add(float64(e.N))
	case event.Written:
		p.written.Add(float64(e.N))
		p.bytes.Add(float64(e.Bytes))
	case event.Dropped:
		p.dropped.WithLabelValues(label(e.Reason)).Add(float64(e.N))
	case event.InputDropped:
		p.undelivered.WithLabelValues(label(e.Reason)).Add(float64(e.N))
	case event.Unmatched:
		p.unmatched.Add(float64(e.N))
	case event.CriteriaFailed:
		p.unjudged.Add(float64(e.N))
	case event.EncodeFailed:
		p.encodes.Inc()
	}
}
