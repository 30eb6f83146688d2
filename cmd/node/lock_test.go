//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The key file of the first command is in its store directory: both are locked.
func TestSecondCommandWithAStoreInUseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, store := filepath.Join(dir, "a.key"), filepath.Join(dir, "link")
	if err := os.Symlink(dir, store); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("node", "keygen", "--out", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := []string{"consume", "s", "--network", "n", "--listen", "127.0.0.1:0", "--key", key, "--store", dir}
	first := begin(t, nil, args...)
	first.says(t, "--bootstrap ")
	half := filepath.Join(dir, ".new-half") // as of a value that the first one writes
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := begin(t, nil, "consume", "s", "--network", "n", "--listen", "127.0.0.1:0", "--store", store)
	want := "node: another process on this machine uses the store directory " + store + ": end it first, or give"
	if code := second.ends(endMax); code != codeBadInput || !strings.Contains(second.said.String(), want) {
		t.Errorf("exit code %d, want %d and %q: %s", code, codeBadInput, want, second.said)
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("the second command removed a file of the first one: %v", err)
	}
	// Without that store, another node runs beside the first one.
	other := begin(t, nil, "consume", "s", "--network", "n", "--listen", "127.0.0.1:0",
		"--store", filepath.Join(dir, "other"))
	other.says(t, "--bootstrap ")
	if code := first.ends(time.Millisecond); code >= 0 {
		t.Fatalf("the first command ended with %d: %s", code, first.said)
	}
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := first.ends(endMax); code != 0 {
		t.Errorf("the first command: exit code %d, want 0: %s", code, first.said)
	}
	again := begin(t, nil, args...) // its end unlocked both
	again.says(t, "--bootstrap ")
}
