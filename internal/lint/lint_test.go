package lint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smalti/smalti/internal/lint"
)

const root = "../.."

func TestProjectKeepsItsRules(t *testing.T) {
	packages, err := lint.Load(root, "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range lint.Check(packages) {
		t.Error(finding)
	}
	t.Run("and no directory with code is left out", func(t *testing.T) {
		var judged []string
		for _, p := range packages {
			judged = append(judged, p.Path)
		}
		slices.Sort(judged)
		for _, dir := range directoriesWithCode(t) {
			if _, found := slices.BinarySearch(judged, dir); !found {
				t.Errorf("%s has Go files, but the go command does not list it as a package", dir)
			}
		}
	})
}

// directoriesWithCode walks the module. It is also what tells the test cache
// which directories this test depends on.
func directoriesWithCode(t *testing.T) []string {
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			if dir, _ := filepath.Rel(root, filepath.Dir(path)); strings.HasSuffix(path, ".go") && !slices.Contains(found, dir) {
				found = append(found, dir)
			}
			return nil
		}
		name := d.Name()
		_, err = os.Stat(filepath.Join(path, "go.mod"))
		otherModule := path != root && !errors.Is(err, fs.ErrNotExist)
		if otherModule || name == "testdata" || name == ".git" {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("found no Go files in the module")
	}
	return found
}

func TestPackageThatDoesNotTypeCheckIsAFinding(t *testing.T) {
	wantOne(t, findingsOf(t, "broken", "runtime/stream"), "runtime/stream cannot be judged")
}

func TestBuildConstraintIsAFinding(t *testing.T) {
	wantOne(t, findingsOf(t, "constrained", "runtime/stream"), "a build constraint on other.go is forbidden in runtime/stream")
}

func TestEachExemptPackageMayTouchTheMachine(t *testing.T) {
	for _, path := range []string{"runtime/live", "runtime/quicnet", "runtime/telemetry", "cmd/node", "internal/wall", "internal/lint"} {
		if got := findingsOf(t, "determinism", path); len(got) > 0 {
			t.Errorf("%s: got %d findings, want none; the first: %s", path, len(got), got[0])
		}
	}
	for _, path := range []string{"runtime/livelier", "examples/ownservice", "sim", "invariants/linear"} {
		if got := findingsOf(t, "determinism", path); len(got) < 50 {
			t.Errorf("%s: got %d findings, want it bound by the rules", path, len(got))
		}
	}
}

func TestCriteriaMayCompareFloatsButNotComputeThem(t *testing.T) {
	var arithmetic int
	for _, finding := range findingsOf(t, "determinism", "runtime/criteria") {
		if strings.Contains(finding.Text, "comparing floats") {
			t.Errorf("got %s, want comparisons allowed", finding)
		}
		if strings.HasPrefix(finding.Text, "float arithmetic is") {
			arithmetic++
		}
	}
	if arithmetic == 0 {
		t.Error("got no finding of float arithmetic, want some")
	}
}

func wantOne(t *testing.T, got []lint.Finding, want string) {
	t.Helper()
	if len(got) != 1 || !strings.Contains(got[0].Text, want) {
		t.Errorf("got %v, want one finding with %q", got, want)
	}
}

// load reads a package of testdata as if it were the one called path.
func load(t *testing.T, name, path string) *lint.Package {
	t.Helper()
	packages, err := lint.Load(".", "./testdata/"+name)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) != 1 {
		t.Fatalf("got %d packages in testdata/%s, want 1", len(packages), name)
	}
	packages[0].Path = path
	return packages[0]
}

// findingsOf gives what is wrong with a package of testdata, save that a path
// that does not exist has no layer.
func findingsOf(t *testing.T, name, path string) []lint.Finding {
	t.Helper()
	return slices.DeleteFunc(lint.Check([]*lint.Package{load(t, name, path)}), func(f lint.Finding) bool {
		return strings.Contains(f.Text, "has no layer")
	})
}
