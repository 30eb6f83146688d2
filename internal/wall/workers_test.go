package wall_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/internal/wall"
)

// Modes of this program as a child, by its environment.
const mode = "WALL_TEST_MODE"

func TestMain(m *testing.M) {
	switch os.Getenv(mode) {
	case "worker":
		worker()
	case "hangs":
		dog := wall.Watch(20*time.Millisecond, func() string { return "it stands still" })
		dog.Tick()
		<-make(chan struct{})
	case "stands": // for a while
		dog := wall.Watch(20*time.Millisecond, func() string { return "it stands still" })
		time.Sleep(300 * time.Millisecond)
		dog.Stop()
		wall.Exit(0)
	case "works":
		dog := wall.Watch(20*time.Millisecond, func() string { return "it stands still" })
		for elapsed := wall.Since(); elapsed() < 200*time.Millisecond; {
			dog.Tick()
		}
		dog.Stop()
		answer()
	default:
		wall.Exit(m.Run())
	}
}

// worker doubles numbers. 7 and 13 kill it, and 21 makes it say nothing.
func worker() {
	answered := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, _ := strconv.Atoi(lines.Text())
		switch n {
		case 7, 13:
			fmt.Fprintln(os.Stderr, "bad luck with", n)
			wall.Exit(3)
		case 21:
			wall.Exit(0)
		}
		answered++
		fmt.Println(2*n, answered)
	}
}

// answer reads one line and says ok.
func answer() {
	bufio.NewScanner(os.Stdin).Scan()
	fmt.Println("ok")
}

func command(name string) wall.Command { return wall.Command{Env: []string{mode + "=" + name}} }

// numbers gives the requests 1 to n.
func numbers(n int) func() (string, bool) {
	i := 0
	return func() (string, bool) {
		i++
		return strconv.Itoa(i), i <= n
	}
}

func TestDeadWorkersAreReplacedAndEachRequestIsAnsweredOnce(t *testing.T) {
	for _, processes := range []int{1, 3} {
		answers := map[string]string{}
		err := wall.Workers(processes, command("worker"), numbers(30), func(request, reply string, err error) bool {
			if _, twice := answers[request]; twice {
				t.Errorf("request %s: answered twice", request)
			}
			reply, _, _ = strings.Cut(reply, " ")
			if err != nil {
				reply = err.Error()
			}
			answers[request] = reply
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i <= 30; i++ {
			want := strconv.Itoa(2 * i)
			switch i {
			case 7, 13:
				want = fmt.Sprintf("worker process ended: exit status 3\nbad luck with %d", i)
			case 21:
				want = "worker process ended: it said nothing"
			}
			if got := answers[strconv.Itoa(i)]; got != want {
				t.Errorf("%d processes, request %d: got %q, want %q", processes, i, got, want)
			}
		}
	}
}

func TestOneWorkerAnswersInOrderAndIsStartedOnce(t *testing.T) {
	var got []string
	err := wall.Workers(1, command("worker"), numbers(4), func(_, reply string, err error) bool {
		got = append(got, fmt.Sprint(reply, err))
		return true
	})
	if want := []string{"2 1<nil>", "4 2<nil>", "6 3<nil>", "8 4<nil>"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestNoRequestFollowsWhenTheCallerHasEnough(t *testing.T) {
	var got int
	err := wall.Workers(2, command("worker"), numbers(1_000_000), func(_, _ string, _ error) bool {
		got++
		return got < 5
	})
	if err != nil || got != 5 {
		t.Errorf("got %d answers, %v, want 5", got, err)
	}
}

func TestWatchdogEndsAProcessThatStandsStill(t *testing.T) {
	err := ask(command("hangs"))
	for _, want := range []string{fmt.Sprintf("exit status %d", wall.HangExit), "it stands still", "goroutine "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestWatchdogLeavesAProcessThatTicksAlone(t *testing.T) {
	if err := ask(command("works")); err != nil {
		t.Error(err)
	}
}

// ask makes one request of a process.
func ask(c wall.Command) error {
	failed := errors.New("no answer")
	err := wall.Workers(1, c, numbers(1), func(_, _ string, err error) bool {
		failed = err
		return true
	})
	return errors.Join(err, failed)
}

func TestGoroutinesWaitsForThoseThatEnd(t *testing.T) {
	before := wall.Goroutines(0)
	done := make(chan struct{})
	go func() { <-done }()
	if got := wall.Goroutines(before); got != before+1 {
		t.Errorf("got %d goroutines with one more, want %d", got, before+1)
	}
	close(done)
	if got := wall.Goroutines(before); got != before {
		t.Errorf("got %d goroutines when it had ended, want %d", got, before)
	}
}

func TestFreshWorkersAnswerOneRequestEach(t *testing.T) {
	c := command("worker")
	c.Fresh = true
	n := 0
	err := wall.Workers(2, c, numbers(6), func(request, reply string, err error) bool {
		if _, answered, _ := strings.Cut(reply, " "); err != nil || answered != "1" {
			t.Errorf("request %s: %q, %v, want the first answer of its process", request, reply, err)
		}
		n++
		return true
	})
	if err != nil || n != 6 {
		t.Errorf("%d answers, %v, want 6", n, err)
	}
}
