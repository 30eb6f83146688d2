// Package determinism breaks each determinism rule once; a want comment tells
// the message.
package determinism

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand" // want "importing crypto/rand is forbidden in runtime/stream: use Strand.Rand"
	"fmt"
	"hash/maphash" // want "importing hash/maphash"
	"log"          // want "importing log is forbidden in runtime/stream: use Env.Report"
	"math/rand"
	randv2 "math/rand/v2"
	"os"
	"os/exec" // want "importing os/exec is forbidden in runtime/stream: use internal/wall"
	"reflect"
	goruntime "runtime"
	"sync"
	. "time"
)

var (
	_ = crand.Reader
	_ maphash.Hash
	_ = log.Flags
	_ exec.Cmd
)

func clocks(ctx context.Context) {
	_ = Now()                                          // want "time.Now is forbidden in runtime/stream: use Env.Clock.Now or Env.Clock.Mono"
	now := Now                                         // want "time.Now is forbidden"
	_ = Since(now())                                   // want "time.Since"
	_ = Until(Time{})                                  // want "time.Until"
	Sleep(1)                                           // want "time.Sleep is forbidden in runtime/stream: use Env.Sleep"
	_ = After(1)                                       // want "time.After is"
	_ = Tick(1)                                        // want "time.Tick"
	_ = NewTimer(1)                                    // want "time.NewTimer is forbidden in runtime/stream: use Env.Clock.AfterFunc"
	_ = NewTicker(1)                                   // want "time.NewTicker"
	_ = AfterFunc(1, nil)                              // want "time.AfterFunc"
	_, _ = context.WithTimeout(ctx, 1)                 // want "context.WithTimeout is forbidden in runtime/stream: use Env.WithTimeout"
	_, _ = context.WithDeadline(ctx, Time{})           // want "context.WithDeadline is"
	_, _ = context.WithTimeoutCause(ctx, 1, nil)       // want "context.WithTimeoutCause"
	_, _ = context.WithDeadlineCause(ctx, Time{}, nil) // want "context.WithDeadlineCause"
	_ = context.AfterFunc(ctx, nil)                    // want "context.AfterFunc"
	_, _ = context.WithCancelCause(ctx)
	_ = Unix(1, 0).UTC().Add(Second)
}

func draws() {
	_ = rand.Int()                     // want "rand.Int is forbidden in runtime/stream: use Strand.Rand"
	_ = rand.New(rand.NewSource(1))    // want "rand.New is" "rand.NewSource"
	_ = randv2.IntN(2)                 // want "rand.IntN"
	randv2.Shuffle(1, nil)             // want "rand.Shuffle"
	_, _, _ = ed25519.GenerateKey(nil) // want "ed25519.GenerateKey is forbidden in runtime/stream: use ident.KeyFromSeed"
	var source randv2.ChaCha8
	_ = source.Uint64()
}

type latch struct {
	sync.Mutex
	cond sync.Cond      // want "sync.Cond is forbidden in runtime/stream: use Env.Await"
	done sync.WaitGroup // want "sync.WaitGroup is"
	all  sync.Map
}

func machine(l *latch) {
	goruntime.Gosched()          // want "runtime.Gosched is forbidden in runtime/stream: use Strand.Post"
	_ = goruntime.NumGoroutine() // want "runtime.NumGoroutine"
	l.done.Go(nil)
	l.cond.Wait()
	l.all.Range(nil) // want "sync.Map.Range is"
	l.all.Clear()
	_ = os.Getpid()                  // want "os.Getpid"
	_ = reflect.ValueOf(l).MapKeys() // want "reflect.Value.MapKeys"
	_, _, _ = reflect.Select(nil)    // want "reflect.Select"
}

func prints(l *latch) string {
	_ = fmt.Errorf("%d%%p", 1)
	_ = fmt.Sprintf("%s: %+p", "l", l) // want "formatting with %p is forbidden in runtime/stream: use a name"
	return fmt.Sprintf("%% %p", l)     // want "formatting with %p"
}
