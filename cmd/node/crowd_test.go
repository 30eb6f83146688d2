package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
)

// crowdWait is how long each wait of TestThirtyProcessesFindEachOther may take: a session of
// a killed process ends after 15 s, and a machine may be busy.
const crowdWait = 90 * time.Second

// member is one node in a process of its own.
type member struct {
	t       *testing.T
	dir     string
	cmd     *exec.Cmd
	id      ident.PeerID
	addr    string // of node run's bootstrap line
	catalog string // URL
}

// TestThirtyProcessesFindEachOther runs real nodes on loopback that know one address,
// kills some of them without a word and starts them again. With -short they are nine.
func TestThirtyProcessesFindEachOther(t *testing.T) {
	size, kills := 30, 10
	if testing.Short() {
		size, kills = 9, 3
	}
	members := make([]*member, size)
	for i := range members {
		m := &member{t: t, dir: t.TempDir()}
		out, err := exec.Command("node", "keygen", "--out", filepath.Join(m.dir, "key")).Output()
		if err != nil {
			t.Fatal(err)
		}
		if m.id, err = ident.ParsePeerID(strings.TrimSpace(string(out))); err != nil {
			t.Fatal(err)
		}
		members[i] = m
	}
	first := members[0]
	first.start()
	begin := time.Now()
	for _, m := range members[1:] {
		m.start("--bootstrap", first.addr)
	}
	agree(t, members)
	t.Logf("%d processes agree %s after the first began", size, time.Since(begin).Round(time.Millisecond))

	survivors, killed := members[:size-kills], members[size-kills:]
	begin = time.Now()
	for _, m := range killed {
		m.kill()
	}
	agree(t, survivors)
	t.Logf("the others agree that %d are gone %s after SIGKILL", kills, time.Since(begin).Round(time.Millisecond))

	begin = time.Now()
	for _, m := range killed {
		m.start("--bootstrap", first.addr)
	}
	agree(t, members)
	t.Logf("all %d agree again %s after the restart", size, time.Since(begin).Round(time.Millisecond))
}

// start runs the process until the test ends, or kill.
func (m *member) start(args ...string) {
	m.t.Helper()
	m.cmd = exec.Command("node", append([]string{
		"run", "--network", "crowd", "--key", filepath.Join(m.dir, "key"), "--store", filepath.Join(m.dir, "store"), "--metrics", "127.0.0.1:0",
	}, args...)...)
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	stderr, err := m.cmd.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.cmd
	m.t.Cleanup(func() {
		if cmd == m.cmd {
			m.kill()
		}
	})
	m.catalog = "http://" + m.find(stderr, `^metrics: http://(.*)/metrics$`) + "/catalog"
	m.addr = m.find(stdout, `^--bootstrap (.*)$`)
}

// find gives what a line of the process says, and reads on, so that it never blocks.
func (m *member) find(r io.Reader, pattern string) string {
	m.t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return found[1]
		}
	}
	m.t.Fatalf("the process ended without a line like %q", pattern)
	return ""
}

// kill ends the process with SIGKILL.
func (m *member) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	m.cmd = nil
}

// versions gives what the process knows, in short.
func (m *member) versions() (map[ident.PeerID]string, error) {
	r, err := (&http.Client{Timeout: 5 * time.Second}).Get(m.catalog)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var v catalogView
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		return nil, err
	}
	known := map[ident.PeerID]string{}
	for _, p := range v.Peers {
		known[p.Peer] = fmt.Sprint(p.Started, " ", p.Updated)
	}
	return known, nil
}

// agree waits until each of members knows exactly them, in equal versions.
func agree(t *testing.T, members []*member) {
	t.Helper()
	problem := ""
	for end := time.Now().Add(crowdWait); time.Now().Before(end); {
		if problem = differ(members); problem == "" {
			return
		}
		timer := time.NewTimer(200 * time.Millisecond)
		<-timer.C
	}
	t.Fatalf("after %s: %s", crowdWait, problem)
}

func differ(members []*member) string {
	var first map[ident.PeerID]string
	for _, m := range members {
		known, err := m.versions()
		switch {
		case err != nil:
			return err.Error()
		case len(known) != len(members):
			return fmt.Sprintf("%s knows %d, want %d", m.id.Short(), len(known), len(members))
		case first == nil:
			first = known
		}
		for _, other := range members {
			if known[other.id] == "" || known[other.id] != first[other.id] {
				return fmt.Sprintf("%s knows %s as %q, another as %q", m.id.Short(), other.id.Short(), known[other.id], first[other.id])
			}
		}
	}
	return ""
}
