package event_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime/event"
)

// TestMarksAreListed looks for all marks in the source of the product.
func TestMarksAreListed(t *testing.T) {
	reported := regexp.MustCompile(`(?:Mark|passOver)\("([^"]+)"\)`)
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range reported.FindAllStringSubmatch(string(data), -1) {
			found = append(found, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if diff := cmp.Diff(slices.Compact(found), event.Marks()); diff != "" {
		t.Errorf("marks (-in the source +in the list):\n%s", diff)
	}
}
