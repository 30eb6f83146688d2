// Command mutate measures what the tests and the simulator notice: it changes the
// source in one small place at a time, and looks whether anything fails.
//
//	go run -C tools ./mutate --seed 1 --sample 150
//
// The sample is drawn by a seed, from all files of the packages in proportion to what
// can be changed in them. The oracle is the unit tests of the package, then some seeds of
// swarm; it stops at the first failure. A mutant that does not build is replaced by
// another. Mutants that survive are listed, for somebody to argue about. With
// --units=false swarm is asked alone: what survives is what only unit tests know of.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is how long one step of the oracle may take. What takes longer is a mutant that
// does not end, which counts as noticed.
const patience = 4 * time.Minute

// mutant is one change of one place.
type mutant struct {
	pkg, file  string // from the module's root
	line       int
	from, to   int // bytes of the file
	with       string
	what       string
	killed     string // by what; empty: by nothing
	unbuilding bool
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.what) }

// swaps are operators and what they become.
var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
}

// mutants lists what can be changed in a file.
func mutants(root, pkg, path string) ([]mutant, error) {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, data, 0)
	if err != nil {
		return nil, err
	}
	var list []mutant
	add := func(from, to token.Pos, with, format string, args ...any) {
		a, b := set.Position(from), set.Position(to)
		list = append(list, mutant{pkg: pkg, file: path, line: a.Line, from: a.Offset, to: b.Offset, with: with, what: fmt.Sprintf(format, args...)})
	}
	text := func(n ast.Node) string {
		s := string(data[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
		first, _, more := strings.Cut(s, "\n")
		if more {
			first += " ..."
		}
		return first
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok != token.CONST && n.Tok != token.IMPORT // constants are what is configured
		case *ast.BinaryExpr:
			if to, ok := swaps[n.Op]; ok {
				add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String(), "%s becomes %s in %s", n.Op, to, text(n))
			}
		case *ast.IfStmt:
			add(n.Cond.Pos(), n.Cond.End(), "!("+text(n.Cond)+")", "if %s is negated", text(n.Cond))
		case *ast.ExprStmt:
			add(n.Pos(), n.End(), "_ = 0", "%s is left out", text(n))
		case *ast.IncDecStmt:
			add(n.Pos(), n.End(), "_ = 0", "%s is left out", text(n))
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				add(n.Pos(), n.End(), "_ = 0", "%s is left out", text(n))
			}
		case *ast.BasicLit:
			if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
				add(n.Pos(), n.End(), strconv.Itoa(v+1), "%d becomes %d", v, v+1)
			}
		case *ast.Ident:
			if flip := map[string]string{"true": "false", "false": "true"}[n.Name]; flip != "" {
				add(n.Pos(), n.End(), flip, "%s becomes %s", n.Name, flip)
			}
		}
		return true
	})
	// A condition of several lines cannot be quoted in one.
	return slices.DeleteFunc(list, func(m mutant) bool { return strings.Contains(m.with, " ...") }), nil
}

// run runs a command for patience at most, and tells whether it succeeded.
func run(dir string, env []string, name string, args ...string) (out string, ok, late bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.WaitDelay = dir, append(os.Environ(), env...), time.Second
	b, err := c.CombinedOutput()
	return string(b), err == nil, ctx.Err() != nil
}

// judge builds a mutant and asks the oracle.
func (m *mutant) judge(root, seeds string, units bool) error {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	data, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return err
	}
	file, list, program := filepath.Join(dir, "file.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "simrun")
	changed := slices.Concat(data[:m.from], []byte(m.with), data[m.to:])
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.file): file}})
	if err = errors.Join(err, os.WriteFile(file, changed, 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return err
	}
	env := []string{"GOMAXPROCS=1", "GOFLAGS=-p=1"}
	if out, ok, _ := run(root, env, "go", "vet", "-overlay", list, "./"+m.pkg); !ok && !strings.Contains(out, "_test.go") {
		m.unbuilding = true
		return nil
	}
	if units {
		if _, ok, late := run(root, env, "go", "test", "-overlay", list, "-timeout", "3m", "-failfast", "./"+m.pkg); !ok {
			m.killed = "unit tests"
			if late {
				m.killed = "unit tests, which do not end"
			}
			return nil
		}
	}
	if out, ok, _ := run(root, env, "go", "build", "-overlay", list, "-buildvcs=false", "-o", program, "./cmd/simrun"); !ok {
		return fmt.Errorf("build: %s", out)
	}
	if out, ok, late := run(root, env, program, "sweep", "--seeds", seeds, "--failures", "1", "-j", "1"); late {
		m.killed = "swarm, which does not end"
	} else if !ok {
		m.killed = "swarm: " + first(out)
	}
	return nil
}

// first gives the first line of a sweep that tells of a failure.
func first(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "FAIL") {
			_, line, _ = strings.Cut(line, "--seed ")
			return "seed " + strings.TrimSpace(line[:min(len(line), 110)])
		}
	}
	return "no verdict"
}

func measure() error {
	seed := flag.Uint64("seed", 1, "of the sample")
	sample := flag.Int("sample", 150, "how many mutants")
	seeds := flag.String("seeds", "1-300", "of swarm, for those that the unit tests do not notice")
	jobs := flag.Int("jobs", 2, "mutants at a time")
	units := flag.Bool("units", true, "ask the unit tests before swarm")
	packages := flag.String("packages", "runtime/stream,runtime/discovery", "directories, from the module's root")
	flag.Parse()
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	var files [][]mutant
	total := 0
	for pkg := range strings.SplitSeq(*packages, ",") {
		paths, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil || len(paths) == 0 {
			return fmt.Errorf("no files in %s: %w", pkg, errors.Join(err, os.ErrNotExist))
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			list, err := mutants(root, pkg, filepath.Join(pkg, filepath.Base(path)))
			if err != nil {
				return err
			}
			total += len(list)
			files = append(files, list)
		}
	}
	// Each file is shuffled; each gets its share, the rest goes to where it is largest.
	draw := rand.New(rand.NewPCG(*seed, 0))
	for _, list := range files {
		draw.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	shares := make([]int, len(files))
	left := *sample
	for i, list := range files {
		shares[i] = *sample * len(list) / total
		left -= shares[i]
	}
	order := draw.Perm(len(files))
	for _, i := range order[:min(left, len(order))] {
		shares[i]++
	}
	fmt.Printf("seed %d: %d of %d mutants in %d files; then swarm %s\n", *seed, *sample, total, len(files), *seeds)

	var mu sync.Mutex
	var failed error
	killed, survived := 0, []mutant(nil)
	work := make(chan []mutant)
	var group sync.WaitGroup
	for range *jobs {
		group.Go(func() {
			for list := range work { // the first that builds, and how it went
				for i := range list {
					m := &list[i]
					err := m.judge(root, *seeds, *units)
					if m.unbuilding && err == nil {
						continue
					}
					mu.Lock()
					failed = errors.Join(failed, err)
					if m.killed != "" {
						killed++
						fmt.Printf("killed    %s | %s\n", m, m.killed)
					} else {
						survived = append(survived, *m)
						fmt.Printf("SURVIVED  %s\n", m)
					}
					mu.Unlock()
					break
				}
			}
		})
	}
	for i, list := range files {
		n := min(shares[i], len(list))
		for j := range n { // every n-th is a reserve for the j-th
			var own []mutant
			for k := j; k < len(list) && len(own) < 8; k += n {
				own = append(own, list[k])
			}
			work <- own
		}
	}
	close(work)
	group.Wait()
	fmt.Printf("\n%d of %d killed, %d %%\n", killed, killed+len(survived), 100*killed/max(1, killed+len(survived)))
	return failed
}

func main() {
	if err := errors.Join(limit(), measure()); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}
