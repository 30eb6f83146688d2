package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/smalti/smalti/runtime/wire"
)

// part makes the metrics of one part of a node. What the names of its methods
// begin with stream is made once, and then gives the series of each stream.
type part struct {
	factory promauto.Factory
	name    string
}

func (p part) opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "smalti", Subsystem: p.name, Name: name, Help: help}
}

func (p part) gauge(name, help string) prometheus.Gauge {
	return p.factory.NewGauge(prometheus.GaugeOpts(p.opts(name, help)))
}

func (p part) counter(name, help string) prometheus.Counter {
	return p.factory.NewCounter(prometheus.CounterOpts(p.opts(name, help)))
}

func (p part) reasons(name, help string) *prometheus.CounterVec {
	return p.factory.NewCounterVec(prometheus.CounterOpts(p.opts(name, help)), []string{"reason"})
}

// label returns the label of a reason. Peers may give reasons that have no name, tens of
// thousands of them: all of those are counted as one.
func label(r wire.Reason) string {
	if !r.Known() {
		return "other"
	}
	return r.String()
}

// durations sorts times from 100 us to 13 s.
func (p part) durations(name, help string) prometheus.Histogram {
	o := p.opts(name, help)
	return p.factory.NewHistogram(prometheus.HistogramOpts{
		Namespace: o.Namespace, Subsystem: o.Subsystem, Name: o.Name, Help: o.Help,
		Buckets: prometheus.ExponentialBuckets(100e-6, 2, 18),
	})
}

func (p part) streamGauge(name, help string) func(stream string) prometheus.Gauge {
	vec := p.factory.NewGaugeVec(prometheus.GaugeOpts(p.opts(name, help)), []string{"stream"})
	return func(stream string) prometheus.Gauge { return vec.WithLabelValues(stream) }
}

func (p part) streamCounter(name, help string) func(stream string) prometheus.Counter {
	vec := p.factory.NewCounterVec(prometheus.CounterOpts(p.opts(name, help)), []string{"stream"})
	return func(stream string) prometheus.Counter { return vec.WithLabelValues(stream) }
}

func (p part) streamReasons(name, help string) func(stream string) *prometheus.CounterVec {
	vec := p.factory.NewCounterVec(prometheus.CounterOpts(p.opts(name, help)), []string{"stream", "reason"})
	return func(stream string) *prometheus.CounterVec {
		return vec.MustCurryWith(prometheus.Labels{"stream": stream})
	}
}
