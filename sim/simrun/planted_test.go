package simrun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smalti/smalti/invariants"
)

// TestPlantedBugsApply holds the patches to the code: whoever changes what one of them
// changes, or renames an invariant, plants it anew.
func TestPlantedBugsApply(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/planted/*.patch")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d patches, %v; want 40 or more", len(paths), err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// What is told by no invariant of package invariants.
	others := []string{"finally", "panic", "program", "linearizable", "no verdict"}
	p := &planting{module: root}
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := readBug(path)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range b.expect {
			if !slices.Contains(invariants.Names(), name) && !slices.Contains(others, name) {
				t.Errorf("%s: no invariant is called %s", b.id, name)
			}
		}
		dir := t.TempDir()
		if _, err := p.apply(b, dir); err != nil {
			t.Error(err)
			continue
		}
		for _, file := range b.files {
			before, err := os.ReadFile(filepath.Join(root, file))
			after, err2 := os.ReadFile(filepath.Join(dir, file))
			if err != nil || err2 != nil || string(before) == string(after) {
				t.Errorf("%s changes nothing in %s: %v %v", b.id, file, err, err2)
			}
		}
	}
}

func TestUnreadablePatchesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"no header": "--- a/x.go\n+++ b/x.go\n",
		"other id":  "Bug: Y\nPromise: p\nExpect: e\n\n--- a/x.go\n",
		"no diff":   "Bug: X\nPromise: p\nExpect: e\n",
	} {
		path := filepath.Join(t.TempDir(), "X.patch")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readBug(path); err == nil || !strings.Contains(err.Error(), "want a header") {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "X.patch")
	stale := "Bug: X\nPromise: p\nExpect: e\n\n--- a/go.mod\n+++ b/go.mod\n@@ -1,1 +1,1 @@\n-what was never there\n+x\n"
	if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := readBug(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &planting{module: "../.."}
	if _, err := p.apply(b, t.TempDir()); err == nil || !strings.Contains(err.Error(), "does not apply any more") {
		t.Errorf("a patch of what is gone: %v", err)
	}
}
