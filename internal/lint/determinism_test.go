package lint_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	wantComment = regexp.MustCompile(`// want(-above|-below)? (".*")`)
	wantText    = regexp.MustCompile(`"([^"]*)"`)
)

func TestDeterminismRulesFindWhatIsMarkedAndNothingElse(t *testing.T) {
	p := load(t, "determinism", "runtime/stream")
	want := make(map[string][]string) // by file and line
	for _, file := range p.Files {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				match := wantComment.FindStringSubmatch(comment.Text)
				if match == nil {
					continue
				}
				at := p.Fset.Position(comment.Pos())
				line := at.Line + map[string]int{"-above": -1, "-below": 1}[match[1]]
				for _, text := range wantText.FindAllStringSubmatch(match[2], -1) {
					key := fmt.Sprintf("%s:%d", at.Filename, line)
					want[key] = append(want[key], text[1])
				}
			}
		}
	}
	if len(want) < 50 {
		t.Fatalf("got %d marked lines in testdata, want at least 50", len(want))
	}
	for _, finding := range findingsOf(t, "determinism", "runtime/stream") {
		key := fmt.Sprintf("%s:%d", finding.Position.Filename, finding.Position.Line)
		if !strings.Contains(finding.Text, " is forbidden in runtime/stream: use ") {
			t.Errorf("%s: does not tell what to use", finding)
		}
		if rest, ok := without(want[key], finding.Text); ok {
			want[key] = rest
		} else {
			t.Errorf("%s: no want comment on that line", finding)
		}
	}
	for key, texts := range want {
		for _, text := range texts {
			t.Errorf("%s: got no finding that matches %q", key, text)
		}
	}
}

// without takes the first pattern that matches text out of patterns.
func without(patterns []string, text string) (rest []string, ok bool) {
	for i, pattern := range patterns {
		if regexp.MustCompile(pattern).MatchString(text) {
			return append(patterns[:i:i], patterns[i+1:]...), true
		}
	}
	return patterns, false
}
