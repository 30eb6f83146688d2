package transporttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Case is one behaviour.
type Case struct {
	Name string
	// Needs are the capabilities without which the case says nothing.
	Needs Capability
	// Net replaces the harness's network where it is not nil.
	Net *Net
	// Max bounds the body; 0 is DefaultMax.
	Max time.Duration
	// Body does the case.
	Body func(b *Bed)
}

// DefaultMax bounds a case that names no bound of its own. It is far above
// what any case takes, also on a loaded machine under the race detector.
const DefaultMax = 30 * time.Second

// grace is what a world gets on top of a case's bound to end everything.
const grace = 20 * time.Second

// Cases lists the suite in order.
func Cases() []Case {
	return slices.Concat(messageCases(), flowCases(), closeCases(), drainCases(), dialCases(), sessionCases(), rawCases(), stopCases())
}

// Run runs the suite in the worlds of h.
func Run(t *testing.T, h Harness) {
	t.Helper()
	var omitted []string
	for _, c := range Cases() {
		if missing := c.Needs &^ h.Can; missing != 0 {
			omitted = append(omitted, c.Name)
			t.Logf("%s does not run %q: it cannot %s", h.Name, c.Name, missing)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			h.run(t, c)
		})
	}
	slices.Sort(omitted)
	if diff := cmp.Diff(omitted, slices.Clone(h.Omits)); diff != "" {
		t.Errorf("cases that %s does not run (-got +declared):\n%s", h.Name, diff)
	}
}

func (h Harness) run(t *testing.T, c Case) {
	s := Setup{Net: h.Base, Needs: c.Needs, Limit: c.Max}
	if c.Net != nil {
		s.Net = *c.Net
	}
	if s.Limit == 0 {
		s.Limit = DefaultMax
	}
	h.runSetup(t, s, c.Body)
}

func (h Harness) runSetup(t *testing.T, s Setup, body func(b *Bed)) {
	limit := s.Limit
	s.Limit += grace
	ran := false
	h.Run(t, s, func(ctx context.Context, w World) {
		ran = true
		runBody(t, ctx, w, h, limit, body)
	})
	if !ran {
		t.Errorf("%s returned without running the body", h.Name)
	}
}
