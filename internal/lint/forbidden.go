package lint

import (
	"go/types"
)

// What takes the place of the machine's ways.
const (
	useNow     = "Env.Clock.Now or Env.Clock.Mono"
	useTimer   = "Env.Clock.AfterFunc or Env.Clock.At"
	useSleep   = "Env.Sleep in a task, Env.Clock.AfterFunc on a strand"
	useContext = "Env.WithTimeout or Env.WithDeadline"
	useRand    = "Strand.Rand or a runtime.Rand of a derived Seed"
	useKey     = "ident.KeyFromSeed, or a seed that cmd drew"
	usePost    = "Strand.Post"
	useTask    = "Scheduler.Go for a task that blocks, Strand.Post for what does not"
	useAwait   = "Env.Await or a runtime.Watch"
	useSorted  = "slices.Sorted(maps.Keys(m)) or slices.SortedFunc, or a slice kept in order"
	useInteger = "integers: nanoseconds, parts per million, fixed point"
	useWall    = "internal/wall, from sim or sim/simrun"
)

// forbidden are functions, types ("path.Type") and methods ("path.Type.Method")
// that the determinism rules keep out, with what to use.
var forbidden = map[string]string{
	"time.Now":       useNow,
	"time.Since":     useNow,
	"time.Until":     useNow,
	"time.Sleep":     useSleep,
	"time.After":     useTimer,
	"time.AfterFunc": useTimer,
	"time.Tick":      useTimer,
	"time.NewTimer":  useTimer,
	"time.NewTicker": useTimer,

	"context.WithTimeout":       useContext,
	"context.WithTimeoutCause":  useContext,
	"context.WithDeadline":      useContext,
	"context.WithDeadlineCause": useContext,
	"context.AfterFunc":         "Env.Await, whose disarm runs when ctx ends",

	"sync.Cond":      useAwait,
	"sync.NewCond":   useAwait,
	"sync.WaitGroup": "Scheduler.Go and a runtime.Watch",
	"sync.Map.Range": useSorted,

	"runtime.Gosched":      usePost,
	"runtime.Goexit":       "return",
	"runtime.NumGoroutine": useWall,
	"runtime.LockOSThread": "nothing: a strand has no thread",
	"runtime.SetFinalizer": "a Close method",
	"runtime.AddCleanup":   "a Close method",

	"os.Getpid":   "a random instance from Env",
	"os.Getppid":  "a random instance from Env",
	"os.Hostname": "a name from the configuration",

	"reflect.Select":         useAwait,
	"reflect.Value.MapKeys":  useSorted,
	"reflect.Value.MapRange": useSorted,

	"crypto/ed25519.GenerateKey": useKey,
	"crypto/ecdsa.GenerateKey":   useKey,
	"crypto/rsa.GenerateKey":     useKey,
}

// forbiddenImports are packages none of whose parts is deterministic.
var forbiddenImports = map[string]string{
	"C":            "Go",
	"crypto/rand":  useRand + "; secrets are drawn in cmd, live and quicnet",
	"hash/maphash": "blake3 or a hash with a fixed key",
	"log":          "Env.Report, which telemetry turns into a log line",
	"log/slog":     "Env.Report, which telemetry turns into a log line",
	"os/exec":      useWall,
	"os/signal":    "cmd, which stops the node",
}

// unordered are the iterators over maps. They are allowed straight inside a
// call of ordering.
var unordered = map[string]bool{"maps.Keys": true, "maps.Values": true, "maps.All": true}

// ordering are the functions that make the order of an iterator irrelevant:
// they sort, or fill another map.
var ordering = map[string]bool{
	"slices.Sorted": true, "slices.SortedFunc": true, "slices.SortedStableFunc": true,
	"maps.Collect": true, "maps.Insert": true,
}

// exactFloat are the functions of package math that only look at bits.
var exactFloat = map[string]bool{
	"math.Float32bits": true, "math.Float32frombits": true, "math.Float64bits": true, "math.Float64frombits": true,
	"math.IsNaN": true, "math.IsInf": true, "math.Signbit": true,
}

// comparesFloats are packages in which floats may be compared, which is exact
// everywhere, but not computed with.
var comparesFloats = []string{"runtime/criteria"}

// use tells what takes the place of the object called symbol, or "" where it
// is allowed.
func use(symbol string, o types.Object) string {
	if fn, ok := o.(*types.Func); ok && fn.Signature().Recv() == nil {
		switch o.Pkg().Path() {
		case "math/rand", "math/rand/v2":
			return useRand
		}
	}
	return forbidden[symbol]
}

// symbolOf names an object of package scope, or a method, by the path of its
// package; anything else is "".
func symbolOf(o types.Object) string {
	if o == nil || o.Pkg() == nil {
		return ""
	}
	path := o.Pkg().Path()
	if fn, ok := o.(*types.Func); ok {
		if recv := fn.Signature().Recv(); recv != nil {
			t := recv.Type()
			if pointer, ok := t.(*types.Pointer); ok {
				t = pointer.Elem()
			}
			if named, ok := t.(*types.Named); ok {
				return path + "." + named.Obj().Name() + "." + o.Name()
			}
			return ""
		}
	}
	if o.Parent() != o.Pkg().Scope() {
		return ""
	}
	return path + "." + o.Name()
}

// display is symbolOf as one writes it in code: "rand.IntN".
func display(o types.Object) string {
	name := o.Name()
	if symbol := symbolOf(o); symbol != "" {
		name = symbol[len(o.Pkg().Path())+1:]
	}
	return o.Pkg().Name() + "." + name
}
