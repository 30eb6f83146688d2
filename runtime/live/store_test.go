package live_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
)

func openStore(t *testing.T, dir string) (*live.Store, func(name string, data []byte) error) {
	t.Helper()
	s := newScheduler(t, live.SchedulerConfig{})
	store, err := live.OpenStore(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	strand := s.Strand("s")
	return store, func(name string, data []byte) error {
		done := make(chan error, 1)
		store.Put(strand, name, data, func(err error) { done <- err })
		return <-done
	}
}

func TestStoreThatCannotBeWrittenSaysSo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	store, _ := openStore(t, dir)
	if err := store.Check(); err != nil {
		t.Errorf("check: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left of a check, want nothing", left, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("check of a directory that is gone: %v, want an error that names it", err)
	}
}

func TestStoreKeepsTheLastValueAcrossOpens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a]")
	store, put := openStore(t, dir)
	if _, err := store.Get("peers"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("value never put: %v, want ErrNotExist", err)
	}
	for i := range 3 {
		if err := put("peers", fmt.Appendf(nil, "value %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-peers"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, _ := openStore(t, dir)
	if got, err := again.Get("peers"); err != nil || string(got) != "value 2" {
		t.Errorf("got %q, %v, want value 2", got, err)
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 1 {
		t.Errorf("%d files in the store, want what a crash left to be gone", len(files))
	}
}

func TestStoreRefusesBadNamesAndLargeValues(t *testing.T) {
	dir := t.TempDir()
	store, put := openStore(t, dir)
	for _, name := range []string{"", "A", "a--b", "-a", "a-", "../a", "a/b", ".new-a", "a.b", strings.Repeat("a", 129)} {
		if err := put(name, nil); !errors.Is(err, live.ErrName) {
			t.Errorf("put %q: %v, want ErrName", name, err)
		}
		if _, err := store.Get(name); !errors.Is(err, live.ErrName) {
			t.Errorf("get %q: %v, want ErrName", name, err)
		}
	}
	if err := put("a", make([]byte, runtime.MaxStoreValue+1)); !errors.Is(err, runtime.ErrTooLarge) {
		t.Errorf("large value: %v, want ErrTooLarge", err)
	}
	if err := put("a-1", make([]byte, runtime.MaxStoreValue)); err != nil {
		t.Errorf("largest value: %v", err)
	}
	if got, err := store.Get("a-1"); err != nil || !bytes.Equal(got, make([]byte, runtime.MaxStoreValue)) {
		t.Errorf("largest value came back as %d bytes, %v", len(got), err)
	}
}

func TestStoreQueueIsBounded(t *testing.T) {
	s := newScheduler(t, live.SchedulerConfig{})
	store, err := live.OpenStore(t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	strand := s.Strand("s")
	data := make([]byte, runtime.MaxStoreValue)
	const puts = 400
	results := make(chan error, puts)
	for range puts {
		store.Put(strand, "a", data, func(err error) { results <- err })
	}
	busy := 0
	for range puts {
		switch err := <-results; {
		case errors.Is(err, live.ErrBusy):
			busy++
		case err != nil:
			t.Fatal(err)
		}
	}
	if busy == 0 || busy == puts {
		t.Errorf("%d of %d puts were refused, want some", busy, puts)
	}
}

func TestPutBeforeStopIsWrittenAndAfterStopRefused(t *testing.T) {
	dir := t.TempDir()
	s := live.NewScheduler(live.SchedulerConfig{})
	store, err := live.OpenStore(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		store.Put(s.Strand("s"), fmt.Sprintf("v%d", i), []byte("x"), func(error) {})
	}
	s.Stop()
	store.Put(s.Strand("s"), "late", []byte("x"), func(error) {})
	files, _ := os.ReadDir(dir)
	if len(files) != 5 {
		t.Errorf("%d files after Stop, want the 5 that were put before", len(files))
	}
}

func TestFailedWriteIsReportedAndLeavesTheOldValue(t *testing.T) {
	dir := t.TempDir()
	store, put := openStore(t, dir)
	if err := put("a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	// A directory in the place of the temporary file makes every write fail.
	if err := os.Mkdir(filepath.Join(dir, ".new-a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := put("a", []byte("new")); err == nil {
		t.Error("failed write was reported as durable")
	}
	if got, err := store.Get("a"); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v, want the old value", got, err)
	}
}
