//go:build netns

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newRoutedMachines makes two machines with a router between them. Machine N has the
// addresses 10.77.N.1 and fd77:N::1. The router's link towards it is called towardsN. The
// MTU of all links is 1500.
func newRoutedMachines(t *testing.T) (m *machines, router string) {
	t.Helper()
	m = newMachines(t)
	router = strings.TrimSuffix(m.names[0], "-1") + "-r"
	m.ip("-n", m.names[0], "link", "del", "cable")
	m.ip("netns", "add", router)
	t.Cleanup(func() { m.ip("netns", "del", router) })
	m.ip("netns", "exec", router, "bash", "-c",
		"echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
	for i, name := range m.names {
		n, link := i+1, fmt.Sprintf("towards%d", i+1)
		m.ip("link", "add", "cable", "mtu", "1500", "netns", name,
			"type", "veth", "peer", "name", link, "mtu", "1500", "netns", router)
		// A link drops packets that are larger than its MTU when it receives them, unless they
		// arrive as one segmented packet. So machines must not send segmented packets.
		m.ip("-n", name, "link", "set", "cable", "gso_max_segs", "1")
		for _, end := range []struct{ name, link, host string }{{name, "cable", "1"}, {router, link, "2"}} {
			m.ip("-n", end.name, "addr", "add", fmt.Sprintf("10.77.%d.%s/24", n, end.host), "dev", end.link)
			m.ip("-n", end.name, "addr", "add", fmt.Sprintf("fd77:%d::%s/64", n, end.host), "dev", end.link, "nodad")
			m.ip("-n", end.name, "link", "set", end.link, "up")
		}
		m.ip("-n", name, "route", "add", "default", "via", fmt.Sprintf("10.77.%d.2", n))
		m.ip("-n", name, "route", "add", "default", "via", fmt.Sprintf("fd77:%d::2", n))
	}
	return m, router
}

// wideLines is a shell command that prints numbered lines of 2,500 bytes, pause between two.
func wideLines(lines int, pause string) string {
	return fmt.Sprintf("for i in $(seq %d); do printf '%%02500d\\n' $i; sleep %s; done", lines, pause)
}

// stream starts a producer of the lines that a shell command prints, and a consumer on the
// other machine. Streams with different names do not meet.
func (m *machines) stream(name, lines string, from int, host, flags string) (producer, consumer *running) {
	m.t.Helper()
	keygen := m.shell(from, "bin/node keygen --out "+name+".key")
	if err := <-keygen.ended; err != nil {
		m.t.Fatalf("keygen: %v: %s", err, keygen.says())
	}
	peer := strings.TrimSpace(keygen.stdout.String())
	port := host[strings.LastIndex(host, ":"):]
	producer = m.shell(from, fmt.Sprintf("(%s) | bin/node produce lines --network %s --key %s.key --listen %s",
		lines, name, name, port))
	consumer = m.shell(3-from, fmt.Sprintf("bin/node consume lines --network %s --bootstrap %s@%s %s",
		name, peer, host, flags))
	return producer, consumer
}

// TestNodesConnectOverAPathOfTheSmallestMTU sends datums over a path whose MTU is 1280 in
// the middle and 1500 at both ends.
func TestNodesConnectOverAPathOfTheSmallestMTU(t *testing.T) {
	const lines, within = 20, 5 * time.Second
	m, router := newRoutedMachines(t)
	m.ip("-n", router, "link", "set", "towards2", "mtu", "1280")
	hosts := []string{"10.77.1.1:4704", "[fd77:1::1]:4706"}
	producers, consumers := make([]*running, len(hosts)), make([]*running, len(hosts))
	for i, host := range hosts {
		producers[i], consumers[i] = m.stream(fmt.Sprint("n", i), wideLines(lines, "0"), 1, host,
			fmt.Sprint("--count ", lines))
	}
	late := time.Now().Add(within)
	for i, c := range consumers {
		select {
		case err := <-c.ended:
			if err != nil || c.lines() != lines {
				t.Errorf("%s: consume ends with %v after %d of %d lines: %s", hosts[i], err, c.lines(), lines, c.says())
			}
		case <-time.After(time.Until(late)):
			t.Errorf("%s: %d of %d lines within %s\nconsume: %sproduce: %s",
				hosts[i], c.lines(), lines, within, c.says(), producers[i].says())
		}
	}
}

// TestStreamGoesOnWhenThePathBecomesSmaller lowers the MTU in the middle of a path while
// datums flow in both directions. Packets from machine 1 are too large for the router to
// send. Packets from machine 2 are too large for the router to receive.
func TestStreamGoesOnWhenThePathBecomesSmaller(t *testing.T) {
	const before, after, within = 60, 40, 40 * time.Second // 50 ms a line
	m, router := newRoutedMachines(t)
	hosts := []string{"10.77.1.1:4701", "10.77.2.1:4702"}
	producers, consumers := make([]*running, len(hosts)), make([]*running, len(hosts))
	for i, host := range hosts {
		producers[i], consumers[i] = m.stream(fmt.Sprint("n", i), wideLines(10000, "0.05"), i+1, host, "")
	}
	await := func(i, lines int, late time.Time) {
		t.Helper()
		for p, c := producers[i], consumers[i]; c.lines() < lines; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(late) {
				t.Errorf("from machine %d: %d of %d lines in time\nconsume: %sproduce: %s",
					i+1, c.lines(), lines, c.says(), p.says())
				return
			}
		}
	}
	for i := range hosts {
		await(i, before, time.Now().Add(10*time.Second))
	}
	m.ip("-n", router, "link", "set", "towards2", "mtu", "1300")
	changed := time.Now()
	<-time.After(100 * time.Millisecond) // what was on its way arrives
	marks := [2]int{consumers[0].lines(), consumers[1].lines()}
	for i, mark := range marks {
		await(i, mark+after, changed.Add(within))
		t.Logf("from machine %d: %d more lines after %s", i+1, consumers[i].lines()-mark, time.Since(changed))
		for _, n := range consumers[i].unreported() {
			t.Errorf("from machine %d: line %d is missing, and consume does not say so: %s", i+1, n, consumers[i].says())
		}
	}
}

var reportedGap = regexp.MustCompile(`missed .* (\d+) to (\d+), of producer`)

// unreported returns the numbers that are missing on standard output and in the gaps that
// standard error reports. A gap of unknown size accounts for all of them.
func (r *running) unreported() (missing []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(r.stderr.String(), "missed an unknown number of datums") {
		return nil
	}
	known := map[int]bool{}
	for _, gap := range reportedGap.FindAllStringSubmatch(r.stderr.String(), -1) {
		from, _ := strconv.Atoi(gap[1])
		to, _ := strconv.Atoi(gap[2])
		for ; from <= to; from++ {
			known[from] = true
		}
	}
	next := 1
	for line := range strings.Lines(r.stdout.String()) {
		number, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		n, _ := strconv.Atoi(number)
		for ; next < n; next++ {
			if !known[next] {
				missing = append(missing, next)
			}
		}
		next = n + 1
	}
	return missing
}
