package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is the path that all packages of the project share.
const Module = "github.com/smalti/smalti"

// Package is one package of the module, read for the rules.
type Package struct {
	Path    string      // relative to the module, "runtime/stream"; "." is the root
	Name    string      // as in its package clause
	Files   []*ast.File // without tests, with comments
	Tests   []*ast.File // imports only: of the package itself
	XTests  []*ast.File // imports only: of the package with _test added to its name
	Ignored []string    // files that build constraints exclude here
	Types   *types.Package
	Info    *types.Info
	Faults  []error // why it could not be read or type-checked whole
	Fset    *token.FileSet
}

// listed is what the go command tells of a package.
type listed struct {
	ImportPath, Name, Dir, Export      string
	DepOnly                            bool
	GoFiles, TestGoFiles, XTestGoFiles []string
	CgoFiles, IgnoredGoFiles           []string
	Error                              *struct{ Err string }
}

// Load reads the packages that patterns match, as the go command does in dir.
// It needs no network: types of imported packages come from the build cache,
// where the go command compiles them if they are missing.
func Load(dir string, patterns ...string) ([]*Package, error) {
	all, err := list(dir, patterns)
	if err != nil {
		return nil, err
	}
	exports := make(map[string]string)
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("import %q: it does not compile", path)
		}
		return os.Open(exports[path])
	})
	var loaded []*Package
	for _, l := range all {
		if !l.DepOnly {
			loaded = append(loaded, read(fset, imports, l))
		}
	}
	return loaded, nil
}

func list(dir string, patterns []string) ([]listed, error) {
	fields := "ImportPath,Name,Dir,Export,DepOnly,GoFiles,TestGoFiles,XTestGoFiles,CgoFiles,IgnoredGoFiles,Error"
	command := exec.Command("go", append([]string{"list", "-e", "-export", "-deps", "-json=" + fields}, patterns...)...)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, stderr.Bytes())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read package list: %w", err)
		}
		all = append(all, l)
	}
}

func read(fset *token.FileSet, imports types.Importer, l listed) *Package {
	p := &Package{Path: relative(l.ImportPath), Name: l.Name, Ignored: l.IgnoredGoFiles, Fset: fset}
	p.Files = p.parse(l.Dir, append(l.GoFiles, l.CgoFiles...), parser.ParseComments|parser.SkipObjectResolution)
	p.Tests = p.parse(l.Dir, l.TestGoFiles, parser.ImportsOnly)
	p.XTests = p.parse(l.Dir, l.XTestGoFiles, parser.ImportsOnly)
	p.check(l.ImportPath, imports)
	if l.Error != nil && len(p.Faults) == 0 {
		p.Faults = append(p.Faults, errors.New(l.Error.Err))
	}
	return p
}

func (p *Package) parse(dir string, names []string, mode parser.Mode) []*ast.File {
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(p.Fset, filepath.Join(dir, name), nil, mode)
		if err != nil {
			p.Faults = append(p.Faults, err)
			continue
		}
		files = append(files, file)
	}
	return files
}

func (p *Package) check(path string, imports types.Importer) {
	p.Info = &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Uses:  make(map[*ast.Ident]types.Object),
		Defs:  make(map[*ast.Ident]types.Object),
	}
	config := types.Config{Importer: imports, Error: func(err error) { p.Faults = append(p.Faults, err) }}
	p.Types, _ = config.Check(path, p.Fset, p.Files, p.Info) // each error is in Faults
}

// relative cuts the module from an import path; ok paths of other modules stay
// as they are.
func relative(path string) string {
	if path == Module {
		return "."
	}
	return strings.TrimPrefix(path, Module+"/")
}
