//go:build netns

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSessionsOutliveTheirInterface deletes the interface of two nodes that listen on all
// addresses, and creates it anew with the same addresses and another index. Lines over
// IPv4 and over IPv6 go on in the sessions that there are: none is missing.
func TestSessionsOutliveTheirInterface(t *testing.T) {
	const lines, interrupted, within = 150, 20, 10 * time.Second
	m := newMachines(t)
	addIPv6 := func() {
		t.Helper()
		for i, name := range m.names {
			m.ip("-n", name, "addr", "add", fmt.Sprintf("fd77::%d/64", i+1), "dev", "cable", "nodad")
		}
	}
	addIPv6()
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i+1)
	}
	families := []struct{ name, host string }{{"IPv4", "10.77.0.1:4704"}, {"IPv6", "[fd77::1]:4706"}}
	consumers, producers := map[string]*running{}, map[string]*running{}
	for _, f := range families {
		keygen := m.shell(1, "bin/node keygen --out "+f.name+".key")
		if err := <-keygen.ended; err != nil {
			t.Fatalf("keygen: %v: %s", err, keygen.says())
		}
		peer := strings.TrimSpace(keygen.stdout.String())
		_, port, _ := strings.Cut(f.host, "470")
		producers[f.name] = m.shell(1, fmt.Sprintf("for i in $(seq %d); do echo $i; sleep 0.03; done | "+
			"bin/node produce lines --network %s --key %s.key --listen :470%s", lines, f.name, f.name, port))
		consumers[f.name] = m.shell(2, fmt.Sprintf("bin/node consume lines --network %s --bootstrap %s@%s --count %d",
			f.name, peer, f.host, lines))
	}
	for _, f := range families {
		for began := time.Now(); consumers[f.name].lines() < interrupted; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > within {
				t.Fatalf("%s: no lines before the interface is deleted: %s", f.name, consumers[f.name].says())
			}
		}
	}
	m.ip("-n", m.names[0], "link", "del", "cable")
	<-time.After(time.Second) // both nodes lose packets meanwhile
	m.connect()
	addIPv6()
	late := time.After(within)
	for _, f := range families {
		c, p := consumers[f.name], producers[f.name]
		select {
		case err := <-c.ended:
			if got := c.stdout.String(); err != nil || got != want.String() {
				t.Errorf("%s: consume ends with %v after %d of %d lines: %s", f.name, err, c.lines(), lines, c.says())
			}
		case <-late:
			t.Fatalf("%s: %d of %d lines within %s of the new interface\nconsume: %sproduce: %s",
				f.name, c.lines(), lines, within, c.says(), p.says())
		}
	}
}

// lines returns the number of lines on standard output.
func (r *running) lines() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.stdout.String(), "\n")
}
