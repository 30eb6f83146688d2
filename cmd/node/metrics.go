package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/telemetry"
)

// Bounds of a client of the metrics, which has no reason to be slow.
const (
	metricsRead  = 5 * time.Second
	metricsWrite = 30 * time.Second
	metricsIdle  = 2 * time.Minute
	metricsHead  = 16 << 10
)

// serveMetrics serves m, and the catalog of the node once there is one, over HTTP until
// stop, and prints where.
func serveMetrics(addr string, m *telemetry.Metrics, node *atomic.Pointer[discovery.Discovery], stderr io.Writer) (stop func() error, err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, badInput("give --metrics IP:PORT of this machine that nothing else uses; port 0 takes a free one", "serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /catalog", func(w http.ResponseWriter, _ *http.Request) { writeCatalog(w, node.Load()) })
	server := &http.Server{Handler: mux, ReadTimeout: metricsRead, WriteTimeout: metricsWrite, IdleTimeout: metricsIdle, MaxHeaderBytes: metricsHead}
	done := make(chan error, 1)
	go func() {
		err := server.Serve(l)
		if !errors.Is(err, http.ErrServerClosed) {
			_, _ = fmt.Fprintf(stderr, "metrics: not served any more: %v\n", err)
		}
		done <- err
	}()
	if isOpen(l.Addr().String()) {
		fmt.Fprintf(stderr, "node: metrics and the catalog are open to every machine that reaches port %s of this one; "+
			"--metrics 127.0.0.1:%[1]s serves this one alone\n", portOf(l.Addr().String()))
	}
	if _, err := fmt.Fprintf(stderr, "metrics: http://%s/metrics\n", l.Addr()); err != nil {
		return nil, errors.Join(failed("see where standard error goes", "print address: %w", err), server.Close())
	}
	return func() error {
		err := server.Close()
		if e := <-done; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}
