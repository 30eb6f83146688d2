package simrun

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/spf13/cobra"
)

// maxBugs bounds the patches of one run.
const maxBugs = 1000

// planting is how bugs are planted and looked for.
type planting struct {
	app    *app
	dir    string   // of the patches
	pkg    string   // the command that is built with each
	only   []string // ids; empty: all
	seeds  seedsFlag
	jobs   int
	module string // directory of the module's root
}

func (a *app) planted() *cobra.Command {
	p := &planting{app: a, seeds: seedsFlag{1, 200}}
	c := &cobra.Command{
		Use:   "planted",
		Short: "Put bugs into copies of the code, and see how fast they are found",
		Long: `Each patch of a directory is a bug: a header that says which promise it breaks
and which invariants are expected to tell, then a unified diff. It is applied to a copy of the
files that it names, the command is built with them (go build -overlay), and seeds are run
until one fails. It needs the source of the module, Go and git.

Exit codes: 0 all bugs were found, 1 some were not, 2 a patch does not apply or
build.`,
		Example: "  simrun planted\n  simrun planted --bugs C5,D11 --seeds 1-1000 --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.jobs < 1 || p.jobs > maxJobs {
				return fmt.Errorf("-j %d: want 1 to %d", p.jobs, maxJobs)
			}
			return p.run()
		},
	}
	c.Flags().StringVar(&p.dir, "dir", "testdata/planted", "where the patches are, from the module's root")
	c.Flags().StringVar(&p.pkg, "package", "./cmd/simrun", "the command that is built")
	c.Flags().StringSliceVar(&p.only, "bugs", nil, "ids of some bugs; all unless given")
	c.Flags().Var(&p.seeds, "seeds", "runs, inclusive, until the first that fails")
	c.Flags().IntVarP(&p.jobs, "jobs", "j", min(maxJobs, wall.Cores()), "worker processes; one a core unless given")
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON object a bug and nothing else")
	a.common(c)
	return c
}

// bug is a patch with its header.
type bug struct {
	id, promise string
	expect      []string // invariants
	path        string
	files       []string // that it changes, from the module's root
}

// readBug reads a patch: lines "Bug: id", "Promise: text" and "Expect: invariant, ..." in
// any order, an empty line, and a diff against "a/path".
func readBug(path string) (bug, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return bug{}, err
	}
	b := bug{path: path}
	header := true
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if file, ok := strings.CutPrefix(line, "--- a/"); ok {
			header = false
			b.files = append(b.files, file)
		}
		if !header {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Bug":
			b.id = value
		case "Promise":
			b.promise = value
		case "Expect":
			for name := range strings.SplitSeq(value, ",") {
				b.expect = append(b.expect, strings.TrimSpace(name))
			}
		}
	}
	if name := strings.TrimSuffix(filepath.Base(path), ".patch"); b.id != name || b.promise == "" || len(b.expect) == 0 || len(b.files) == 0 {
		return bug{}, fmt.Errorf("%s: want a header with Bug: %s, Promise: and Expect:, then a diff against a/FILE", path, name)
	}
	return b, nil
}

// finding is how a search for one bug ended, as --json prints it.
type finding struct {
	Planted   int    `json:"planted"` // version of this format
	Bug       string `json:"bug"`
	Found     bool   `json:"found"`
	Seeds     int    `json:"seeds"` // run until one failed, all if none did
	CPUNS     int64  `json:"cpu_ns"`
	Invariant string `json:"invariant"` // that told, empty if none did
	Seed      uint64 `json:"seed"`      // that failed
}

func (p *planting) run() error {
	bugs, err := p.find()
	if err != nil {
		return err
	}
	if !p.app.json {
		p.row("bug", "seeds", "CPU", "told by", "promise")
	}
	var cpu time.Duration
	missed := 0
	for _, b := range bugs {
		f, err := p.search(b)
		if err != nil {
			return err
		}
		cpu += time.Duration(f.CPUNS)
		if !f.Found {
			missed++
			p.app.code = ExitSafety
		}
		if p.app.json {
			if err := p.app.emit(f); err != nil {
				return err
			}
			continue
		}
		told := f.Invariant
		if !f.Found {
			told = "NOT FOUND"
		}
		p.row(b.id, strconv.Itoa(f.Seeds), time.Duration(f.CPUNS).Round(10*time.Millisecond).String(), told, b.promise)
	}
	if !p.app.json {
		fmt.Fprintf(p.app.out, "\n%s, %d not found; %s of CPU for all seeds\n", count(len(bugs), "bug"), missed, cpu.Round(time.Second))
	}
	return nil
}

// row prints a line of the table as soon as it is known: columns are as wide as what they may
// hold.
func (p *planting) row(bug, seeds, cpu, told, promise string) {
	fmt.Fprintf(p.app.out, "%-4s %5s %7s  %-24s  %s\n", bug, seeds, cpu, told, promise)
}

// find reads the bugs that are asked for.
func (p *planting) find() ([]bug, error) {
	root, errs, err := wall.Run(".", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, &toolError{err}
	}
	p.module = strings.TrimSpace(string(root.Out))
	if root.Code != 0 || p.module == "" {
		return nil, fmt.Errorf("not within the source of a module: %s", strings.TrimSpace(errs))
	}
	paths, err := filepath.Glob(filepath.Join(p.module, p.dir, "*.patch"))
	if err != nil || len(paths) == 0 || len(paths) > maxBugs {
		return nil, fmt.Errorf("%d patches in %s, want 1 to %d (%w)", len(paths), p.dir, maxBugs, errors.Join(err, os.ErrNotExist))
	}
	var bugs []bug
	for _, path := range paths {
		b, err := readBug(path)
		if err != nil {
			return nil, err
		}
		if len(p.only) == 0 || slices.Contains(p.only, b.id) {
			bugs = append(bugs, b)
		}
	}
	for _, id := range p.only {
		if !slices.ContainsFunc(bugs, func(b bug) bool { return b.id == id }) {
			return nil, fmt.Errorf("--bugs: no %s.patch in %s", id, p.dir)
		}
	}
	return bugs, nil
}

// search builds the command with a bug in it, and runs seeds until one fails.
func (p *planting) search(b bug) (finding, error) {
	dir, err := os.MkdirTemp("", "planted-")
	if err != nil {
		return finding{}, &toolError{err}
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	program, err := p.build(b, dir)
	if err != nil {
		return finding{}, err
	}
	args := []string{"sweep", "--json", "--failures", "1", "--seeds", p.seeds.String(), "-j", fmt.Sprint(p.jobs), "--scenario", p.app.scenario, "--budget", fmt.Sprint(p.app.budget)}
	r, errs, err := wall.Run(p.module, program, args...)
	if err != nil {
		return finding{}, &toolError{err}
	}
	f := finding{Planted: 1, Bug: b.id, CPUNS: int64(r.CPU)}
	lines := bufio.NewScanner(bytes.NewReader(r.Out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var got report
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			return finding{}, &toolError{fmt.Errorf("%s: unreadable report: %w", b.id, err)}
		}
		if got.Simrun == 0 {
			continue // the sum
		}
		f.Seeds++
		if len(got.Violations) > 0 && !f.Found {
			f.Found, f.Invariant, f.Seed = true, got.Violations[0].Invariant, got.Seed
		}
	}
	if r.Code == ExitTool && !f.Found && !strings.Contains(errs, toothlessText) {
		f.Found, f.Invariant = true, "no verdict" // a guard of the kernel's ended the process
		f.Seeds++
	}
	return f, nil
}

// apply puts a bug into copies of the files that it changes, and says which stand for
// which.
func (p *planting) apply(b bug, dir string) (replace map[string]string, err error) {
	replace = map[string]string{}
	for _, file := range b.files {
		data, err := os.ReadFile(filepath.Join(p.module, file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.path, err)
		}
		to := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o600)); err != nil {
			return nil, &toolError{err}
		}
		replace[filepath.Join(p.module, file)] = to
	}
	applied, errs, err := wall.Run(dir, "git", "apply", "--unsafe-paths", "--directory="+dir, b.path)
	if err != nil {
		return nil, &toolError{err}
	}
	if applied.Code != 0 {
		return nil, fmt.Errorf("%s does not apply any more:%s", b.path, errs)
	}
	return replace, nil
}

// build makes the command with a bug in it.
func (p *planting) build(b bug, dir string) (program string, err error) {
	replace, err := p.apply(b, dir)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", &toolError{err}
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", &toolError{err}
	}
	program = filepath.Join(dir, "program")
	built, errs, err := wall.Run(p.module, "go", "build", "-buildvcs=false", "-overlay", list, "-o", program, p.pkg)
	if err != nil {
		return "", &toolError{err}
	}
	if built.Code != 0 {
		return "", fmt.Errorf("%s does not build:%s", b.path, errs)
	}
	return program, nil
}
