package simrun

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
	"github.com/zeebo/blake3"
)

// again is the command that leads to the same run.
func (a *app) again(seed uint64) string {
	line := fmt.Sprintf("%s --seed %d", program(), seed)
	if a.scenario != scenarios.SwarmName {
		line += " --scenario " + quote(a.scenario)
	}
	if a.strategy != "" {
		line += " --strategy " + quote(string(a.strategy))
	}
	if a.budget != sim.DefaultBudget {
		line += fmt.Sprintf(" --budget %d", a.budget)
	}
	if a.until > 0 {
		line += " --until " + a.until.String()
	}
	return line
}

// reproduce is again with what else the run depends on: the build and the
// scenario.
func (a *app) reproduce(s scenarios.Scenario, seed uint64) string {
	commit, changed, version := "unknown", "", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.GoVersion
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision" && len(setting.Value) >= 12:
				commit = setting.Value[:12]
			case setting.Key == "vcs.modified" && setting.Value == "true":
				changed = " with changes"
			}
		}
	}
	if commit == "unknown" && strings.HasPrefix(program(), "go run ") { // which does not record it
		if head, _, err := wall.Run(".", "git", "rev-parse", "HEAD"); err == nil && head.Code == 0 && len(head.Out) >= 12 {
			commit = string(head.Out[:12])
			if status, _, err := wall.Run(".", "git", "status", "--porcelain", "--untracked-files=no"); err != nil || len(status.Out) > 0 {
				changed = " with changes"
			}
		}
	}
	sum := blake3.Sum256(s.Format())
	return fmt.Sprintf("%s  # commit %s%s, %s, config %x", a.again(seed), commit, changed, version, sum[:6])
}

// program is how this program was called: its name as it was typed, or go run
// and its package, for what go run builds is gone when it ends.
func program() string {
	name := filepath.ToSlash(os.Args[0])
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" && strings.Contains(name, "/go-build") && strings.Contains(name, "/exe/") {
		return "go run " + info.Path
	}
	return quote(name)
}

// quote makes text one word for a POSIX shell.
func quote(text string) string {
	special := func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_", r)
	}
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
