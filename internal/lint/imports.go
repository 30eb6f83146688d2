package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// checkImports gives the imports of p, its tests among them, that break the
// layers.
func checkImports(p *Package) []Finding {
	c := importChecker{Package: p}
	c.allowed, c.known = layers[p.Path]
	c.joins = withinAny(p.Path, joiners)
	if len(p.Files) > 0 && !c.known && !c.joins {
		c.report(p.Files[0].Name.Pos(), "package %s has no layer: give it one in internal/lint/layers.go, with what it may import", p.Path)
	}
	c.each(p.Files, func(path string) string {
		if c.joins || slices.Contains(c.allowed, path) {
			return ""
		}
		return c.instead(path)
	})
	c.each(p.Tests, func(path string) string {
		if c.joins || slices.Contains(c.allowed, path) || slices.Contains(helpers, path) {
			return ""
		}
		return "an external test, package " + p.Name + "_test, which may join branches"
	})
	c.each(p.XTests, func(string) string { return "" })
	return c.findings
}

type importChecker struct {
	*Package
	allowed  []string
	known    bool
	joins    bool
	findings []Finding
}

func (c *importChecker) report(pos token.Pos, format string, args ...any) {
	c.findings = append(c.findings, Finding{c.position(pos), fmt.Sprintf(format, args...)})
}

// each judges all imports of files. instead tells, for a package of the
// module, what to use in its place, or "" where it is allowed.
func (c *importChecker) each(files []*ast.File, instead func(path string) string) {
	for _, file := range files {
		for _, spec := range file.Imports {
			full, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // a fault of the package already
			}
			path := relative(full)
			switch {
			case full == "runtime":
				if spec.Name == nil || spec.Name.Name != "goruntime" {
					c.report(spec.Pos(), "importing the standard runtime under that name is forbidden in %s: use goruntime %q", c.Path, full)
				}
			case full != Module && path == full:
				c.dependency(spec, full)
			case path != c.Path:
				if use := instead(path); use != "" {
					c.report(spec.Pos(), "importing %s is forbidden in %s: use %s", path, c.Path, use)
				}
			}
		}
	}
}

// dependency judges an import from outside the module.
func (c *importChecker) dependency(spec *ast.ImportSpec, full string) {
	for _, o := range owners {
		if within(full, o.module) && !within(c.Path, o.owner) {
			c.report(spec.Pos(), "importing %s is forbidden in %s: it belongs to %s; use %s", full, c.Path, o.owner, o.use)
		}
	}
}

// instead tells what a package uses in place of one that it may not import.
func (c *importChecker) instead(path string) string {
	switch {
	case !c.known:
		return "a layer in internal/lint/layers.go that allows it"
	case path == "runtime/live" || path == "runtime/quicnet" || path == "netsim":
		return "the runtime.Env that is injected; worlds are joined in cmd, examples and external tests"
	case path == "runtime/telemetry":
		return "Env.Report; telemetry observes events and is joined in cmd"
	case path == "internal/wall":
		return "Env.Clock and Env.Scheduler; only sim and sim/simrun look at the machine"
	case within(path, "sim") || within(path, "scenarios") || within(path, "invariants"):
		return "an event or an interface that the simulator reads; nothing below it knows it"
	case withinAny(path, joiners):
		return "a package that both can import"
	case slices.Contains(helpers, path):
		return "it from a test"
	case len(c.allowed) == 0:
		return "nothing of this module, it is the lowest layer"
	default:
		return "a small interface of its own, or one of " + strings.Join(c.allowed, ", ")
	}
}
