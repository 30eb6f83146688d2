package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/smalti/smalti/scenarios"
)

// TestCorpusPasses runs scenarios that once found a bug, as they were then: what swarm draws
// from a seed changes. The first line of each says which seed, and what it found.
func TestCorpusPasses(t *testing.T) {
	paths, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var seed uint64
			if _, err := fmt.Sscanf(string(data), "# seed %d:", &seed); err != nil {
				t.Fatalf("the first line names no seed: %v", err)
			}
			s, err := scenarios.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			r, err := scenarios.Run(s, scenarios.Options{Seed: seed})
			if err != nil || r.Verdict != scenarios.Pass {
				t.Errorf("seed %d: %v, %v %v", seed, err, r.Verdict, r.Violations)
			}
		})
	}
}
