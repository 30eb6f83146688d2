package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/smalti/smalti/runtime"
)

var _ runtime.Store = (*Store)(nil)

const (
	// storeQueue and storeQueueBytes bound what waits for the disk: a node
	// puts a handful of values a minute, and 64 is the count of the largest.
	storeQueue      = 256
	storeQueueBytes = 64 * runtime.MaxStoreValue
	// maxName bounds a value's name, in bytes.
	maxName = 128
	// temporary is what a name gets while its file is written; no valid name
	// begins with a dot.
	temporary = ".new-"
)

// Errors of Store.
var (
	// ErrName: a name that is not lower-case words joined by dashes.
	ErrName = errors.New("malformed name")
	// ErrBusy: the disk does not keep up; nothing was put.
	ErrBusy = errors.New("too many values wait to be written")
)

// Store keeps each value as one file of a directory. Open one with OpenStore.
type Store struct {
	dir   string
	sched *Scheduler

	mu      sync.Mutex
	queue   []put
	bytes   int
	writing bool
}

type put struct {
	strand runtime.Strand
	name   string
	data   []byte
	done   func(error)
}

// OpenStore opens the store in dir, which is made if it does not exist, for
// the owner of the process only. What a crash left half-written is removed.
// One process at a time may use a directory. Writing stops with sched, after
// what Put accepted.
func OpenStore(dir string, sched *Scheduler) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	files, err := os.ReadDir(dir)
	for _, file := range files {
		if strings.HasPrefix(file.Name(), temporary) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, file.Name())))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{dir: dir, sched: sched}, nil
}

// Check returns an error if the store cannot be written now: its file system is read-only
// or full, or belongs to another user. It writes and removes a file of 4 KiB.
func (s *Store) Check() error {
	f, err := os.OpenFile(filepath.Join(s.dir, temporary+"CHECK"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	_, err = f.Write(make([]byte, 4<<10))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	return nil
}

// Get reads a value; one that was never put is fs.ErrNotExist.
func (s *Store) Get(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, fmt.Errorf("get value: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, runtime.MaxStoreValue+1))
	if err != nil {
		return nil, fmt.Errorf("get value: %w", err)
	}
	if len(data) > runtime.MaxStoreValue {
		return nil, fmt.Errorf("get value %s: %w", name, runtime.ErrTooLarge)
	}
	return data, nil
}

// Put replaces a value and posts done on s when it is durable.
func (s *Store) Put(strand runtime.Strand, name string, data []byte, done func(error)) {
	if err := s.enqueue(put{strand: strand, name: name, data: data, done: done}); err != nil {
		strand.Post(func() { done(err) })
	}
}

func (s *Store) enqueue(p put) error {
	if err := checkName(p.name); err != nil {
		return err
	}
	if len(p.data) > runtime.MaxStoreValue {
		return fmt.Errorf("put value %s: %w", p.name, runtime.ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= storeQueue || s.bytes+len(p.data) > storeQueueBytes {
		return fmt.Errorf("put value %s: %w", p.name, ErrBusy)
	}
	if !s.writing {
		if !s.sched.begin() {
			return runtime.ErrStopped
		}
		s.writing = true
		go s.write()
	}
	s.queue = append(s.queue, p)
	s.bytes += len(p.data)
	return nil
}

// write runs until the queue is empty.
func (s *Store) write() {
	defer s.sched.end()
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.queue, s.writing = nil, false
			s.mu.Unlock()
			return
		}
		p := s.queue[0]
		s.queue[0] = put{}
		s.queue = s.queue[1:]
		s.bytes -= len(p.data)
		s.mu.Unlock()

		err := s.replace(p.name, p.data)
		p.strand.Post(func() { p.done(err) })
	}
}

// replace writes a new file, makes it durable, moves it over the old one, and
// makes that durable.
func (s *Store) replace(name string, data []byte) (err error) {
	temp := filepath.Join(s.dir, temporary+name)
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
			err = fmt.Errorf("put value: %w", err)
		}
	}()
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(s.dir, name)); err != nil {
		return err
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// checkName wants words of a-z and 0-9 joined by single dashes.
func checkName(name string) error {
	if len(name) == 0 || len(name) > maxName {
		return fmt.Errorf("name of %d bytes, want 1 to %d: %w", len(name), maxName, ErrName)
	}
	for word := range strings.SplitSeq(name, "-") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fmt.Errorf("name %q: %w", name, ErrName)
		}
	}
	return nil
}
