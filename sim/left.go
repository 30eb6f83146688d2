package sim

import (
	"fmt"
	"path"
	"reflect"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
)

// maxLeft bounds the parts of Left, and maxFrames the callers that are looked at for one.
const (
	maxLeft   = 8
	maxFrames = 64
)

// Left describes what Pending counts: each task with where it waits, each timer and each
// strand with the function that is to run. It is for messages; tasks make no step.
func (h *Host) Left() []string {
	if h.inc == nil {
		return nil
	}
	var list []string
	for _, t := range h.inc.tasks {
		list = append(list, fmt.Sprintf("task %q %s", t.name, t.waits()))
	}
	for _, x := range h.world.kernel.timers {
		if t := x.timer; t.armed && t.strand.inc == h.inc {
			list = append(list, fmt.Sprintf("timer of strand %q, due in %s: %s", t.strand.name, time.Duration(t.when-h.world.kernel.now), nameOf(t.f)))
		}
	}
	for _, s := range h.inc.strands {
		if len(s.inbox) > s.head {
			list = append(list, fmt.Sprintf("strand %q: %s", s.name, nameOf(s.inbox[s.head])))
		}
	}
	if n := len(list) - maxLeft; n > 0 {
		list = append(list[:maxLeft], fmt.Sprintf("and %d more", n))
	}
	return list
}

// waits says where the task is.
func (t *task) waits() string {
	switch {
	case t.yield == nil:
		return "has not begun"
	case t.done || !t.parked:
		return "runs"
	}
	t.asked = true
	t.next()
	frames := goruntime.CallersFrames(t.callers)
	t.callers = nil
	in := ""
	for {
		f, more := frames.Next()
		if contract(f.Function) {
			in = f.Function
		} else if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("waits in %s, called at %s:%d in %s", short(in), path.Base(f.File), f.Line, short(f.Function))
		}
		if !more {
			return "waits"
		}
	}
}

// answer notes the callers of an Await for Left.
func (t *task) answer() {
	t.asked = false
	t.callers = make([]uintptr, maxFrames)
	t.callers = t.callers[:goruntime.Callers(2, t.callers)]
}

// contract reports whether a function belongs to what programs wait in: this package or
// package runtime.
func contract(function string) bool {
	for _, of := range []any{runtime.Env{}, Host{}} {
		if strings.HasPrefix(function, reflect.TypeOf(of).PkgPath()+".") {
			return true
		}
	}
	return false
}

// nameOf returns the name of a function, as short as it is unique.
func nameOf(f func()) string {
	if f == nil {
		return "nothing"
	}
	of := goruntime.FuncForPC(reflect.ValueOf(f).Pointer())
	if of == nil {
		return "a function"
	}
	file, line := of.FileLine(of.Entry())
	return fmt.Sprintf("%s, %s:%d", strings.TrimSuffix(short(of.Name()), "-fm"), path.Base(file), line)
}

func short(function string) string { return path.Base(function) }
