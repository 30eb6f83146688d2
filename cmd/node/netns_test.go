//go:build netns

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// machines are two network namespaces with a cable between them: 10.77.0.1 and 10.77.0.2.
type machines struct {
	t     *testing.T
	names [2]string
	dirs  [2]string
}

// newMachines makes two machines, which takes the rights of root.
func newMachines(t *testing.T) *machines {
	t.Helper()
	m := &machines{t: t}
	id := os.Getpid() % 100000
	for i := range m.names {
		m.names[i] = fmt.Sprintf("smalti%d-%d", id, i+1)
		if out, err := exec.Command("ip", "netns", "add", m.names[i]).CombinedOutput(); err != nil {
			t.Fatalf("make network namespace: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", m.names[i]).Run() })
		m.dirs[i] = t.TempDir()
		node := filepath.Join(m.dirs[i], "bin", "node")
		if err := errors.Join(os.Mkdir(filepath.Dir(node), 0o755), os.Symlink(executable(t), node)); err != nil {
			t.Fatal(err)
		}
	}
	m.ip("-n", m.names[0], "link", "set", "lo", "up")
	m.ip("-n", m.names[1], "link", "set", "lo", "up")
	m.connect()
	return m
}

// ip runs a command of iproute2.
func (m *machines) ip(args ...string) {
	m.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		m.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// connect creates the cable: an interface called cable on both machines.
func (m *machines) connect() {
	m.t.Helper()
	m.ip("link", "add", "cable", "netns", m.names[0], "type", "veth", "peer", "name", "cable", "netns", m.names[1])
	for i, name := range m.names {
		m.ip("-n", name, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "cable")
		m.ip("-n", name, "link", "set", "cable", "up")
	}
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// running is a shell command on a machine.
type running struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	ended  chan error
}

// shell starts a command line on machine 1 or 2, which ends with the test.
func (m *machines) shell(on int, line string) *running {
	m.t.Helper()
	r := &running{cmd: exec.Command("ip", "netns", "exec", m.names[on-1], "bash", "-c", line), ended: make(chan error, 1)}
	r.cmd.Dir = m.dirs[on-1]
	r.cmd.WaitDelay = time.Second
	r.cmd.Stdout, r.cmd.Stderr = locked{r, &r.stdout}, locked{r, &r.stderr}
	if err := r.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		r.ended <- r.cmd.Wait()
		close(done)
	}()
	m.t.Cleanup(func() {
		// Everything in the namespace was started by this test.
		out, _ := exec.Command("ip", "netns", "pids", m.names[on-1]).Output()
		for pid := range strings.FieldsSeq(string(out)) {
			_ = exec.Command("kill", "-KILL", pid).Run()
		}
		<-done
	})
	return r
}

type locked struct {
	r *running
	w io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.w.Write(b)
}

func (r *running) says() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.String()
}

// readmeBlocks returns the sh blocks of README under a heading.
func readmeBlocks(t *testing.T, heading string) (blocks [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, inside := false, false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "## "):
			here = line == heading
		case here && line == "```sh":
			inside = true
			blocks = append(blocks, nil)
		case line == "```":
			inside = false
		case inside:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	return blocks
}

// TestREADMEOnTwoMachines does what README says, word for word, but for PEER.
func TestREADMEOnTwoMachines(t *testing.T) {
	blocks := readmeBlocks(t, "## Real nodes")
	if len(blocks) != 3 || len(blocks[1]) != 2 || len(blocks[2]) != 1 {
		t.Fatalf("README has %q under Real nodes, want three blocks", blocks)
	}
	m := newMachines(t)
	keygen := m.shell(1, blocks[1][0])
	if err := <-keygen.ended; err != nil {
		t.Fatalf("%s: %v: %s", blocks[1][0], err, keygen.says())
	}
	producer := m.shell(1, blocks[1][1])
	began := time.Now()
	consumer := m.shell(2, strings.ReplaceAll(blocks[2][0], "PEER", strings.TrimSpace(keygen.stdout.String())))
	for what, r := range map[string]*running{"consume": consumer, "produce": producer} {
		select {
		case err := <-r.ended:
			if err != nil {
				t.Errorf("%s: %v: %s", what, err, r.says())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s does not end: %s", what, r.says())
		}
	}
	t.Logf("done after %s", time.Since(began))
	lines, err := os.ReadFile(filepath.Join(m.dirs[1], "copy.txt"))
	if n := bytes.Count(lines, []byte("\n")); err != nil || n != 100000 {
		t.Errorf("%d lines arrived, %v; want 100000", n, err)
	}
	for want, r := range map[string]*running{
		"@10.77.0.1:4701": producer,
		"listening on all addresses; others are told 10.77.0.2:": consumer,
	} {
		if !strings.Contains(r.says(), want) {
			t.Errorf("the command says:\n%swant %q in it", r.says(), want)
		}
	}
}

// TestMistakesAreNamed makes the mistakes of a first hour. Standard error names each within
// five seconds.
func TestMistakesAreNamed(t *testing.T) {
	m := newMachines(t)
	const secret = "(umask 077; echo 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff >secret); "
	run := func(on int, line string) string {
		t.Helper()
		r := m.shell(on, line)
		if err := <-r.ended; err != nil {
			t.Fatalf("%s: %v: %s", line, err, r.says())
		}
		return strings.TrimSpace(r.stdout.String())
	}
	peer := run(1, "bin/node keygen --out a.key")
	private := run(1, "bin/node keygen --out b.key")
	ticketed := run(1, "bin/node keygen --out c.key")
	blocked := run(1, "bin/node keygen --out d.key")
	ready := func(line, want string) {
		t.Helper()
		r := m.shell(1, line)
		for began := time.Now(); !strings.Contains(r.says(), want); time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("%s: %s", line, r.says())
			}
		}
	}
	ready("sleep 60 | bin/node produce lines --network n1 --key a.key --listen :4701", "--bootstrap")
	ready(secret+"sleep 60 | bin/node produce lines --network n1 --key b.key --listen :4702 --secret-file secret", "--bootstrap")
	ready("SMALTI_TEST_ROLE=ticketed bin/node c.key :4703", "ready")
	// Machine 1 has a second address, from which nothing comes back: its answers are lost.
	run(1, "ip addr add 10.78.0.1/32 dev lo; ip route add blackhole 10.77.0.200/32")
	run(2, "dev=$(ls /sys/class/net | grep -v lo); ip addr add 10.77.0.200/24 dev $dev; ip route add 10.78.0.1/32 via 10.77.0.1 src 10.77.0.200")
	ready("sleep 60 | bin/node produce lines --network n1 --key d.key --listen 10.78.0.1:4704", "--bootstrap")

	const consume = "bin/node consume lines --network n1 "
	cases := []struct {
		what, line, want string
		on               int
	}{
		{"wrong address", consume + "--bootstrap " + peer + "@10.77.0.99:4701", "no machine has that address|nothing comes back from there; check that the address is right", 2},
		{"wrong port", consume + "--bootstrap " + peer + "@10.77.0.1:4799", "nothing listens on UDP port 4799", 2},
		{"wrong peer", consume + "--bootstrap " + private + "@10.77.0.1:4701", "is not the node at its address", 2},
		{"wrong network", "bin/node consume lines --network n2 --bootstrap " + peer + "@10.77.0.1:4701", "belongs to another network", 2},
		{"no secret", consume + "--bootstrap " + private + "@10.77.0.1:4702", "does not share this network secret", 2},
		{"wrong secret", "(umask 077; openssl rand -hex 32 >wrong 2>/dev/null || printf '%064d' 1 >wrong); " + consume + "--secret-file wrong --bootstrap " + private + "@10.77.0.1:4702", "does not share this network secret", 2},
		{"no ticket", consume + "--bootstrap " + ticketed + "@10.77.0.1:4703", "not-allowed, it asks for a ticket", 2},
		{"wrong stream", "bin/node consume line --network n1 --bootstrap " + peer + "@10.77.0.1:4701", `nobody offers stream "line"`, 2},
		{"listen on loopback", consume + "--listen 127.0.0.1:0 --bootstrap " + peer + "@10.77.0.1:4701", "a loopback address reaches this machine alone", 2},
		{"IPv6 against IPv4", consume + "--bootstrap " + peer + "@[fd77::1]:4701", "no route to that network; check the address, and whether it is of IPv4 or IPv6", 2},
		{"blocked UDP", consume + "--bootstrap " + blocked + "@10.78.0.1:4704", "nothing comes back from there.*UDP port 4704 is let through both ways", 2},
		{"producer not running", consume + "--bootstrap " + peer + "@10.77.0.2:4701", "nothing listens on UDP port 4701.*check that the node runs", 1},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			r := m.shell(c.on, c.line)
			want := regexp.MustCompile(c.want)
			for began := time.Now(); !want.MatchString(r.says()); time.Sleep(10 * time.Millisecond) {
				if time.Since(began) > 5*time.Second {
					t.Fatalf("%s\nsays within 5s:\n%swant %s", c.line, r.says(), c.want)
				}
			}
		})
	}
}
