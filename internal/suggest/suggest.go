// Package suggest finds what a person meant who misspelled a name.
//
// # Concurrency
//
// Its functions may be called from anywhere.
package suggest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxDistance is how many characters may be wrong, as in cobra's own suggestions.
const maxDistance = 2

// Near returns the one of names that is closest to word by edit distance, empty if none is
// close. A name that begins with word is close.
func Near(word string, names []string) string {
	best, least := "", maxDistance+1
	for _, name := range names {
		d := distance(word, name)
		if len(word) > 1 && strings.HasPrefix(name, word) {
			d = min(d, maxDistance)
		}
		if d < least && d < len(word) {
			best, least = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// Hint returns what to do about a command or flag that there is not, word being what was
// typed: the name that was probably meant, or where to find all of them.
func Hint(cmd *cobra.Command, word string) string {
	var names []string
	if flag, ok := strings.CutPrefix(word, "--"); ok {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := Near(strings.SplitN(flag, "=", 2)[0], names); near != "" {
			return "did you mean --" + near + "?"
		}
	} else {
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		slices.Sort(names)
		if near := Near(word, names); near != "" {
			return "did you mean " + near + "?"
		}
	}
	return "see " + cmd.CommandPath() + " --help"
}

// FlagHint is Hint for an error of cobra about flags. It may come from a misspelled command
// before the flag, whose flags are not those of cmd.
func FlagHint(cmd *cobra.Command, err error) string {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return fmt.Sprintf("there is no command %q: %s", args[0], Hint(cmd, args[0]))
	}
	word, _ := strings.CutPrefix(err.Error(), "unknown flag: ")
	return Hint(cmd, word)
}
