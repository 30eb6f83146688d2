package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/smalti/smalti/internal/lint"
)

func TestImportRules(t *testing.T) {
	for _, test := range []struct {
		in      string // package, "(test)" or "(xtest)" for its tests
		imports string // below the module, or whole
		want    string // "" is allowed
	}{
		{"runtime/wire", "runtime/ident", ""},
		{"runtime/ident", "runtime/wire", "importing runtime/wire is forbidden in runtime/ident: use nothing of this module"},
		{"runtime/event", "runtime", "importing runtime is forbidden in runtime/event: use a small interface"},
		{"runtime", "runtime/stream", "importing runtime/stream is forbidden in runtime:"},
		{"runtime/ticket", "runtime", ""},
		{"runtime/ticket", "runtime/ticket/jwt", "is forbidden in runtime/ticket"},
		{"runtime/ticket/jwt", "runtime/ticket", ""},
		{"runtime/criteria", "runtime/ticket", "is forbidden in runtime/criteria"},
		{"runtime/stream", "runtime/discovery", ""},
		{"runtime/discovery", "runtime/stream", "is forbidden in runtime/discovery"},
		{"runtime/stream", "runtime/node", "is forbidden in runtime/stream"},

		{"runtime/stream", "runtime/live", "use the runtime.Env that is injected"},
		{"runtime/stream", "runtime/telemetry", "use Env.Report"},
		{"runtime/node", "sim", "importing sim is forbidden in runtime/node: use an event or an interface"},
		{"runtime/live", "runtime/quicnet", "is forbidden in runtime/live"},
		{"runtime/quicnet", "runtime/discovery", "is forbidden in runtime/quicnet"},
		{"runtime/telemetry", "runtime", "is forbidden in runtime/telemetry"},
		{"runtime/telemetry", "runtime/event", ""},
		{"netsim", "sim", "is forbidden in netsim"},
		{"netsim", "runtime/node", "is forbidden in netsim"},
		{"netsim", "runtime/quicnet", "is forbidden in netsim"},
		{"sim", "runtime/live", "is forbidden in sim"},
		{"sim/simrun", "runtime/telemetry", "is forbidden in sim/simrun"},

		{"sim", "netsim", ""},
		{"sim", "scenarios", "is forbidden in sim"},
		{"sim/fault", "sim", ""},
		{"invariants", "sim/fault", ""},
		{"invariants", "invariants/linear", "is forbidden in invariants"},
		{"scenarios", "invariants/linear", ""},
		{"scenarios", "sim/bundle", "is forbidden in scenarios"},
		{"sim/shrink", "sim/timeline", "is forbidden in sim/shrink"},
		{"sim/simtest", "sim/simrun", "is forbidden in sim/simtest"},
		{"sim/simrun", "sim/bundle", ""},
		{"sim/simrun", "internal/wall", ""},
		{"scenarios", "internal/wall", "importing internal/wall is forbidden in scenarios: use Env.Clock"},
		{"runtime/stream", "internal/wall", "is forbidden in runtime/stream"},

		{"cmd/simrun", "sim/simrun", ""},
		{"examples/ownservice", "runtime/live", ""},
		{"runtime/stream", "cmd/node", "importing cmd/node is forbidden in runtime/stream: use a package that both can import"},
		{"runtime/gossip", "runtime/ident", "package runtime/gossip has no layer: give it one in internal/lint/layers.go"},

		{"runtime/stream (test)", "runtime/ticket/tickettest", ""},
		{"runtime/stream", "runtime/ticket/tickettest", "importing runtime/ticket/tickettest is forbidden in runtime/stream: use it from a test"},
		{"runtime/stream (test)", "runtime/live", "use an external test, package stream_test"},
		{"runtime/stream (xtest)", "runtime/live", ""},
		{"runtime/stream (xtest)", "sim/simtest", ""},

		{"runtime/quicnet", "github.com/quic-go/quic-go", ""},
		{"runtime/quicnet/raw", "github.com/quic-go/quic-go", ""},
		{"runtime/quicnet/raw", "runtime", "importing runtime is forbidden in runtime/quicnet/raw"},
		{"cmd/node", "runtime/quicnet/raw", ""},
		{"runtime/stream", "runtime/quicnet/raw", "is forbidden in runtime/stream"},
		{"runtime/quicnet (xtest)", "github.com/quic-go/quic-go/testutils/simnet", ""},
		{"runtime/transporttest", "github.com/quic-go/quic-go", "belongs to runtime/quicnet; use runtime.Transport"},
		{"cmd/node", "github.com/quic-go/quic-go", "belongs to runtime/quicnet"},
		{"runtime/live (test)", "github.com/benbjohnson/clock", ""},
		{"sim (xtest)", "github.com/benbjohnson/clock", "belongs to runtime/live; use runtime.Clock"},
		{"runtime/telemetry", "github.com/prometheus/client_golang/prometheus", ""},
		{"cmd/node", "github.com/prometheus/client_golang/prometheus", "belongs to runtime/telemetry"},
		{"invariants", "github.com/anishathalye/porcupine", "belongs to invariants/linear"},
		{"invariants/linear", "github.com/anishathalye/porcupine", ""},
		{"runtime/stream", "github.com/quic-go/quic-go-sibling", ""},
	} {
		var got string
		for _, finding := range lint.Check([]*lint.Package{importer(t, test.in, test.imports)}) {
			got += finding.Text + "\n"
		}
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s imports %s: got %q, want %q", test.in, test.imports, got, test.want)
		}
	}
}

func TestStandardRuntimeIsImportedAsGoruntime(t *testing.T) {
	for source, want := range map[string]int{
		"package stream\nimport \"runtime\"":              1,
		"package stream\nimport rt \"runtime\"":           1,
		"package stream\nimport goruntime \"runtime\"":    0,
		"package stream\nimport debug \"runtime/debug\"":  0,
		"package stream\nimport _ \"runtime/pprof\"":      0,
		"package stream\nimport (\n\"fmt\"\n\"runtime\")": 1,
	} {
		p := packageOf("cmd/node")
		p.Tests = []*ast.File{parse(t, p.Fset, source)}
		got := lint.Check([]*lint.Package{p})
		if len(got) != want {
			t.Errorf("%q: got %v, want %d findings", source, got, want)
		}
	}
}

// importer is a package, "(test)" or "(xtest)" telling where its import stands.
func importer(t *testing.T, in, imports string) *lint.Package {
	t.Helper()
	path, kind, _ := strings.Cut(in, " ")
	if first, _, _ := strings.Cut(imports, "/"); !strings.Contains(first, ".") {
		imports = lint.Module + "/" + imports
	}
	p := packageOf(path)
	file := parse(t, p.Fset, "package "+p.Name+"\nimport "+`"`+imports+`"`)
	switch kind {
	case "(test)":
		p.Tests = []*ast.File{file}
	case "(xtest)":
		p.XTests = []*ast.File{file}
	default:
		p.Files = []*ast.File{file}
	}
	return p
}

func packageOf(path string) *lint.Package {
	return &lint.Package{
		Path: path,
		Name: path[strings.LastIndex(path, "/")+1:],
		Info: &types.Info{},
		Fset: token.NewFileSet(),
	}
}

func parse(t *testing.T, fset *token.FileSet, source string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(fset, "x.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
