package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentRun is what is known of one run of the producer.
type sentRun struct {
	run     int
	inOrder bool // it ended in order; else it was killed
	online  int  // how many consumers Send waited for
	logged  int  // the last number in the log
	sent    int  // the last number that was certainly sent
}

// span is a range of a run's numbers.
type span struct{ from, to int }

// readLog completes runs by what they logged.
func readLog(runs []sentRun, log string) {
	index := map[int]*sentRun{}
	for i := range runs {
		index[runs[i].run] = &runs[i]
	}
	for line := range strings.Lines(log) {
		var run, n int
		if _, err := fmt.Sscanf(line, "%d sent %d", &run, &n); err == nil {
			index[run].sent = n
			continue
		}
		if _, err := fmt.Sscanf(line, "%d %d", &run, &n); err == nil {
			index[run].logged, index[run].sent = n, n-1
		}
	}
}

// reported is what consume reported on standard error.
type reported struct {
	exact   []span // missing datums with their numbers
	unknown int    // reports of an unknown number
	total   string // the last line, if it says how many are missing in all
}

// want returns the total that sums the reports up.
func (r reported) want() string {
	sum := 0
	for _, s := range r.exact {
		sum += s.to - s.from + 1
	}
	switch {
	case r.unknown > 0 && sum > 0:
		return fmt.Sprintf("datums are missing, %d or another number of them", sum)
	case r.unknown > 0:
		return "an unknown number of datums is missing"
	case sum > 0:
		return was(sum, "datum") + " missing"
	}
	return ""
}

var (
	reportExact   = regexp.MustCompile(`\d+ datums?, (\d+) to (\d+)`)
	reportUnknown = regexp.MustCompile(`missed an unknown number|how many of its last datums are missing is not known`)
	reportOther   = regexp.MustCompile(`missed|lost|missing`)
	reportTotal   = regexp.MustCompile(`^node: (.*): see the lines above for which$`)
)

// readReports reads the reports among the lines of standard error.
func readReports(stderr string) (r reported, problems []string) {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if m := reportTotal.FindStringSubmatch(line); m != nil {
			r.total = m[1]
			continue
		}
		if !strings.HasPrefix(line, "node: ") || strings.HasPrefix(line, "node: waiting: ") {
			continue
		}
		known := false
		if reportUnknown.MatchString(line) {
			known = true
			r.unknown++
		}
		if m := reportExact.FindStringSubmatch(line); m != nil {
			known = true
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			if n, _ := strconv.Atoi(strings.Fields(m[0])[0]); n != to-from+1 {
				problems = append(problems, fmt.Sprintf("the count is wrong: %s", line))
			}
			r.exact = append(r.exact, span{from, to})
		}
		if !known && reportOther.MatchString(line) {
			problems = append(problems, fmt.Sprintf("no report that the test knows: %s", line))
		}
	}
	return r, problems
}

// arrivals returns the numbers of each run that arrived.
func arrivals(runs []sentRun, lines string) (got map[int][]int, problems []string) {
	logged := map[int]int{}
	for _, r := range runs {
		logged[r.run] = r.logged
	}
	got = map[int][]int{}
	last := 0
	for line := range strings.Lines(lines) {
		var run, n int
		if _, err := fmt.Sscanf(line, "%d %d\n", &run, &n); err != nil || n < 1 || n > logged[run] {
			problems = append(problems, fmt.Sprintf("%q arrived and was not sent", line))
			continue
		}
		numbers := got[run]
		if run < last || len(numbers) > 0 && n <= numbers[len(numbers)-1] {
			problems = append(problems, fmt.Sprintf("%q arrived out of order or twice", line))
			continue
		}
		last = run
		got[run] = append(numbers, n)
	}
	return got, problems
}

// judgeRuns returns what is wrong with the lines, the standard error and the exit code of
// consume, and a summary. A report has to account for every number that was sent and did not
// arrive. There are two exceptions: numbers from before the first arrival of all, and a run
// without any arrival that sent without consumers.
func judgeRuns(runs []sentRun, lines, stderr string, code int) (summary string, problems []string) {
	got, problems := arrivals(runs, lines)
	says, more := readReports(stderr)
	problems = append(problems, more...)
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	left := slices.Clone(says.exact) // reports that account for nothing yet
	account := func(match func(span) bool) bool {
		i := slices.IndexFunc(left, match)
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		return i >= 0
	}
	var holes, ends, least, most int
	tails := make([]span, len(runs)) // from the number after the last that arrived, to the last sent
	first := -1                      // the first run of which anything arrived
	for i, r := range runs {
		numbers := got[r.run]
		next := 1
		if first < 0 && len(numbers) > 0 {
			first, next = i, numbers[0]
		}
		for _, n := range numbers {
			if hole := (span{next, n - 1}); n > next {
				holes++
				if !account(func(s span) bool { return s == hole }) {
					wrong("run %d: %d to %d are missing, which no report says", r.run, hole.from, hole.to)
				}
			}
			next = n + 1
		}
		tails[i] = span{next, r.sent}
	}
	for i, r := range runs {
		tail := tails[i]
		missing := tail.from <= tail.to
		if missing {
			ends++
		}
		// The producer may have reported what it skipped at its end before it ended.
		known := account(func(s span) bool { return s.from == tail.from && s.to <= r.logged && (!r.inOrder || s == tail) })
		arrived := len(got[r.run]) > 0
		silent := !arrived && (r.online == 0 || first < 0 || i < first)
		switch {
		case r.inOrder && missing && !known && !silent:
			wrong("run %d: %d to %d are missing at its end, which no report says", r.run, tail.from, tail.to)
		case r.inOrder:
		case arrived || missing && !silent: // killed, and nothing says how much it sent
			least++
			most++
		default:
			most++
		}
	}
	for _, s := range left {
		wrong("consume reports that %d to %d are missing, which is not so", s.from, s.to)
	}
	if says.unknown < least || says.unknown > most {
		wrong("consume reports an unknown number %d times; want %d to %d, once for each run that was killed", says.unknown, least, most)
	}
	if want := says.want(); says.total != want {
		wrong("consume sums up %q, want %q", says.total, want)
	}
	want := 0
	if says.unknown+len(says.exact) > 0 {
		want = 1
	}
	if code != want {
		wrong("exit code %d, want %d", code, want)
	}
	return fmt.Sprintf("%d runs: %d holes, and %d times the end is missing; reported: %d holes, and %d times an unknown number",
		len(runs), holes, ends, len(says.exact), says.unknown), problems
}

// TestJudgeFindsWhatConsumeGetsWrong judges runs of which one thing is wrong, and the same
// without it.
func TestJudgeFindsWhatConsumeGetsWrong(t *testing.T) {
	const (
		exact   = "node: missed 2 datums, 1 to 2, of producer 9cc5adfe5e\n"
		middle  = "node: missed 1 datum, 5 to 5, of producer 9cc5adfe5e\n"
		unknown = "node: missed an unknown number of datums of producer 9cc5adfe5e, which is gone\n"
		both    = "node: missed an unknown number of datums of producer 9cc5adfe5e, and then 2 datums, 1 to 2\n"
		away    = "node: producer 9cc5adfe5e was lost and is not back: how many of its last datums are missing is not known\n"
		total   = "node: datums are missing, 3 or another number of them: see the lines above for which\n"
		reports = both + middle + total
		arrived = "1 1\n1 2\n2 3\n2 4\n2 6\n" // of two, see below
	)
	sums := func(text string) string { return "node: " + text + ": see the lines above for which\n" }
	few, open := sums("2 datums were missing"), sums("an unknown number of datums is missing")
	killed := func(run, logged int) sentRun { return sentRun{run: run, online: 1, logged: logged, sent: logged - 1} }
	inOrder := func(run, sent int) sentRun {
		return sentRun{run: run, inOrder: true, online: 1, logged: sent + 1, sent: sent}
	}
	two := []sentRun{killed(1, 4), inOrder(2, 6)}
	for name, x := range map[string]struct {
		runs          []sentRun
		lines, stderr string
		code          int
		want          string // in a problem; empty: there is none
	}{
		"all is there":               {[]sentRun{inOrder(1, 2), inOrder(2, 1)}, "1 1\n1 2\n2 1\n", "", 0, ""},
		"waiting is no report":       {[]sentRun{inOrder(1, 1)}, "1 1\n", "node: waiting: no connection for 1s, since the last one was lost\n", 0, ""},
		"nothing before the first":   {[]sentRun{inOrder(1, 3)}, "1 3\n", "", 0, ""},
		"killed, and all reported":   {two, arrived, reports, 1, ""},
		"in two reports":             {two, arrived, unknown + exact + middle + total, 1, ""},
		"killed, and away":           {[]sentRun{killed(1, 9)}, "1 1\n", away + open, 1, ""},
		"last one perhaps not sent":  {[]sentRun{killed(1, 2)}, "1 1\n", unknown + open, 1, ""},
		"end known by the producer":  {[]sentRun{inOrder(1, 2), inOrder(2, 2)}, "1 1\n1 2\n", exact + few, 1, ""},
		"never heard, sent to none":  {[]sentRun{inOrder(1, 1), {run: 2, logged: 9, sent: 8}}, "1 1\n", "", 0, ""},
		"out of order":               {two, "1 2\n1 1\n2 3\n2 4\n2 6\n", reports, 1, "out of order or twice"},
		"twice":                      {two, "1 1\n1 2\n1 2\n2 3\n2 4\n2 6\n", reports, 1, "out of order or twice"},
		"an earlier run":             {two, "1 1\n2 3\n2 4\n2 6\n1 2\n", reports, 1, "out of order or twice"},
		"never sent":                 {two, "1 1\n1 2\n2 3\n2 4\n2 6\n2 8\n", reports, 1, "was not sent"},
		"half a line":                {two, "1 1\n1 2\n2 3\n2 4\n2", reports, 1, "was not sent"},
		"start not reported":         {two, arrived, unknown + middle + total, 1, "run 2: 1 to 2 are missing"},
		"middle not reported":        {two, arrived, both + total, 1, "run 2: 5 to 5 are missing"},
		"kill not reported":          {two, arrived, exact + middle + total, 1, "an unknown number 0 times; want 1 to 1"},
		"kill reported twice":        {two, arrived, unknown + reports, 1, "an unknown number 2 times"},
		"reported, and not missing":  {two, "1 1\n1 2\n2 3\n2 4\n2 5\n2 6\n", reports, 1, "which is not so"},
		"wrong range":                {two, "1 1\n1 2\n2 4\n2 6\n", reports, 1, "run 2: 1 to 3 are missing"},
		"wrong count":                {two, arrived, both + strings.Replace(middle, "1 datum", "2 datums", 1) + total, 1, "count is wrong"},
		"end of an orderly run":      {two, "1 1\n1 2\n2 3\n2 4\n", both + total, 1, "run 2: 5 to 6 are missing at its end"},
		"end reported in part":       {[]sentRun{inOrder(1, 2), inOrder(2, 3)}, "1 1\n1 2\n", exact + few, 1, "run 2: 1 to 3 are missing at its end"},
		"unknown after orderly runs": {[]sentRun{inOrder(1, 1)}, "1 1\n", unknown + total, 1, "want 0 to 0"},
		"a report of another form":   {two, arrived, both + middle + "node: lost something\n" + total, 1, "no report that the test knows"},
		"sent to one, never heard":   {[]sentRun{inOrder(1, 1), killed(2, 9)}, "1 1\n", "", 0, "want 1 to 1"},
		"total of one sort of them":  {two, arrived, both + middle + sums("3 datums were missing"), 1, "sums up"},
		"another total":              {two, arrived, both + middle + strings.Replace(total, "3", "2", 1), 1, "sums up"},
		"no total":                   {two, arrived, both + middle, 1, "sums up"},
		"exit code 0 after a report": {two, arrived, reports, 0, "exit code 0, want 1"},
		"exit code 1 for nothing":    {[]sentRun{inOrder(1, 1)}, "1 1\n", "", 1, "exit code 1, want 0"},
	} {
		_, problems := judgeRuns(x.runs, x.lines, x.stderr, x.code)
		switch all := strings.Join(problems, "; "); {
		case x.want == "" && all != "":
			t.Errorf("%s: got %q, want no problem", name, all)
		case x.want != "" && !strings.Contains(all, x.want):
			t.Errorf("%s: got %q, want %q in it", name, all, x.want)
		}
	}
}
