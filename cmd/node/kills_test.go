package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
)

var (
	killRuns = flag.Int("kills", 5, "how many runs of the producer the kill test has")
	killSeed = flag.Uint64("kill-seed", 1, "the seed from which the kill test draws its runs")
)

const (
	killNetwork = "kills"
	killStream  = "numbers"
	// killWait bounds each wait of the kill tests. A session of a killed process ends after
	// 15 s, and its peer is hidden some seconds later.
	killWait = time.Minute
	// Peers refuse a key for a while that replaces its own session more than quickRestarts
	// times within quickSpan. Such a restart has to wait for the end of the session.
	quickRestarts = 3
	quickSpan     = 70 * time.Second
)

// producerRun is one process of the producer, as the test draws it.
type producerRun struct {
	Run       int
	Key       string
	Store     string
	Log       string
	Listen    string
	Bootstrap string
	Lag       stream.Lag
	Online    int // how many consumers Send waits for
	Queue     int
	Burst     int  // datums between two pauses of a millisecond
	Killed    bool // or it ends in order
	Heard     bool // Life begins with the subscription, else with the process
	Life      time.Duration
	Pause     time.Duration // before the next run
}

// drawRuns draws n runs. Three of four are killed, and the last one is.
func drawRuns(seed uint64, n int) []producerRun {
	rng := rand.New(rand.NewPCG(seed, 0))
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	runs := make([]producerRun, n)
	for i := range runs {
		last := i == n-1
		runs[i] = producerRun{
			Run:    i + 1,
			Lag:    stream.Lag(pick(int(stream.Block), int(stream.DropNewest), int(stream.DropOldest))),
			Online: pick(0, 1, 1),
			Queue:  pick(0, 16),
			Burst:  pick(1, 20, 200, 1<<30),
			Killed: rng.IntN(4) > 0 || last,
			Heard:  last,
			Life:   upTo(1500 * time.Millisecond),
			Pause:  upTo(500 * time.Millisecond),
		}
	}
	return runs
}

// produceNumbers is a process of the producer: it sends lines of its run's number and 1, 2 and
// so on until standard input ends. It logs each line before it sends it, so that every line
// that arrives is in the log. The last line of a killed run may not have been sent. SIGKILL
// loses nothing that was written to a file, so there is no need for fsync.
func produceNumbers(arg string) error {
	var r producerRun
	if err := json.Unmarshal([]byte(arg), &r); err != nil {
		return err
	}
	key, err := readKey(r.Key)
	if err != nil {
		return err
	}
	bootstrap, err := discovery.ParseEndpoint(r.Bootstrap)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(r.Log, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	p, err := start(settings{
		network: ident.Network(killNetwork), key: key, listen: r.Listen, store: r.Store, bootstrap: []discovery.Endpoint{bootstrap},
	}, nil)
	if err != nil {
		return err
	}
	config := stream.ProducerConfig{Lag: r.Lag, Queue: r.Queue, Online: stream.AtLeast(r.Online)}
	producer, err := stream.Produce(p.Streams(), killStream, config, stream.WithCodec(stream.Bytes{}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	sent := 0
	for ctx.Err() == nil {
		line := fmt.Sprintf("%d %d", r.Run, sent+1)
		if _, err := fmt.Fprintln(log, line); err != nil {
			return err
		}
		if _, err := producer.Send(ctx, []byte(line)); err != nil {
			break
		}
		sent++
		if sent%r.Burst == 0 {
			_ = p.Env().Sleep(ctx, time.Millisecond) // an ended ctx ends the loop
		}
	}
	if err := errors.Join(producer.Close(context.Background()), p.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(log, "%d sent %d\n", r.Run, sent)
	return err
}

// killBed runs a consumer, and a producer that starts again and again.
type killBed struct {
	t        *testing.T
	dir      string
	listen   string // where the producer listens
	consumer *exec.Cmd
	lines    *os.File
	addr     string // of the consumer
	quick    []time.Time
	said     said // the consumer's standard error
}

// newKillBed starts the consumer, which ends with the test at the latest.
func newKillBed(t *testing.T) *killBed {
	b := &killBed{t: t, dir: t.TempDir()}
	for _, name := range []string{"producer", "consumer"} {
		if out, err := exec.Command("node", "keygen", "--out", filepath.Join(b.dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("keygen: %v: %s", err, out)
		}
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	b.listen = socket.LocalAddr().String()
	socket.Close()
	if b.lines, err = os.Create(filepath.Join(b.dir, "lines")); err != nil {
		t.Fatal(err)
	}
	b.consumer = exec.Command("node", "consume", killStream, "--network", killNetwork, "--key", filepath.Join(b.dir, "consumer"), "--log-level", "info")
	b.consumer.Stdout, b.consumer.Stderr = b.lines, &b.said
	if err := b.consumer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.consumer.Process.Kill() // it has ended, unless the test failed
		_ = b.consumer.Wait()
		b.lines.Close()
	})
	const prefix = "--bootstrap "
	b.until("address", func() bool { return strings.Contains(b.said.String(), prefix) })
	_, after, _ := strings.Cut(b.said.String(), prefix)
	b.addr, _, _ = strings.Cut(after, "\n")
	return b
}

// logged returns how many events of a kind the consumer has logged.
func (b *killBed) logged(kind string) int { return strings.Count(b.said.String(), " msg="+kind+" ") }

// connected reports whether the consumer has a session.
func (b *killBed) connected() bool { return b.logged("session.up") > b.logged("session.down") }

// until waits for a condition.
func (b *killBed) until(what string, met func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(killWait); !met(); <-tick.C {
		if time.Now().After(end) {
			b.t.Fatalf("no %s within %s; consume says:\n%s", what, killWait, b.said.String())
		}
	}
}

// mayRestart waits for the end of the session if the producer restarted too often.
func (b *killBed) mayRestart() {
	now := time.Now()
	for len(b.quick) > 0 && now.Sub(b.quick[0]) > quickSpan {
		b.quick = b.quick[1:]
	}
	if b.connected() && len(b.quick) >= quickRestarts {
		b.until("end of the session", func() bool { return !b.connected() })
	}
	if b.connected() {
		b.quick = append(b.quick, now)
	}
}

// run starts the producer, and ends it. It returns whether the end was in order.
func (b *killBed) run(r producerRun) (inOrder bool) {
	t := b.t
	t.Helper()
	r.Key, r.Store, r.Log = filepath.Join(b.dir, "producer"), filepath.Join(b.dir, "store"), filepath.Join(b.dir, "log")
	r.Listen, r.Bootstrap = b.listen, b.addr
	arg, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", string(arg))
	cmd.Env = append(os.Environ(), "SMALTI_TEST_ROLE=numbers")
	var says strings.Builder
	cmd.Stderr = &says
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.mayRestart()
	before := b.logged("subscribed")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if r.Heard {
		b.until("subscription", func() bool { return b.logged("subscribed") > before })
	}
	<-time.After(r.Life)
	if r.Killed {
		err = cmd.Process.Kill()
	} else {
		err = in.Close()
	}
	if err != nil {
		t.Fatalf("run %d ended by itself: %v", r.Run, err)
	}
	select {
	case err = <-ended:
	case <-time.After(killWait):
		t.Fatalf("run %d does not end", r.Run)
	}
	if !r.Killed && err != nil {
		t.Logf("run %d: %v: %s", r.Run, err, says.String())
	}
	<-time.After(r.Pause)
	return err == nil
}

// end ends the consumer, and returns its lines, its standard error and its exit code.
func (b *killBed) end() (lines, stderr string, code int) {
	if err := b.consumer.Process.Signal(syscall.SIGINT); err != nil {
		b.t.Fatal(err)
	}
	err := b.consumer.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	text, err := os.ReadFile(b.lines.Name())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text), b.said.String(), b.consumer.ProcessState.ExitCode()
}

// judge compares what the runs sent with what consume wrote and reported.
func (b *killBed) judge(runs []sentRun) {
	b.t.Helper()
	log, err := os.ReadFile(filepath.Join(b.dir, "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	lines, stderr, code := b.end()
	readLog(runs, string(log))
	summary, problems := judgeRuns(runs, lines, stderr, code)
	b.t.Log(summary)
	for _, p := range problems {
		b.t.Error(p)
	}
	if b.t.Failed() {
		b.t.Logf("-kills %d -kill-seed %d; consume ended with %d and said:\n%s", *killRuns, *killSeed, code, stderr)
	}
}

// TestConsumeReportsWhatKilledProducersLost restarts a producer while consume runs, and kills
// most of its runs at moments drawn from -kill-seed. Consume has to report all that is missing.
func TestConsumeReportsWhatKilledProducersLost(t *testing.T) {
	t.Parallel()
	b := newKillBed(t)
	var runs []sentRun
	for _, r := range drawRuns(*killSeed, *killRuns) {
		inOrder := b.run(r)
		runs = append(runs, sentRun{run: r.Run, inOrder: inOrder, online: r.Online})
	}
	// The last run was killed. Even seeds end consume when it has lost the producer, odd ones
	// when it has reported that.
	b.until("loss of the producer", func() bool { return !b.connected() })
	if said := len(b.said.String()); *killSeed%2 == 1 {
		b.until("report of the last loss", func() bool { return strings.Contains(b.said.String()[said:], "node: missed an unknown number") })
	}
	b.judge(runs)
}

// TestConsumeReportsNothingIfProducersEndInOrder is the other side: nothing is missing.
func TestConsumeReportsNothingIfProducersEndInOrder(t *testing.T) {
	t.Parallel()
	b := newKillBed(t)
	var runs []sentRun
	for i := range 3 {
		r := producerRun{Run: i + 1, Lag: stream.Block, Online: 1, Burst: []int{1, 200, 1 << 30}[i], Heard: true, Life: 200 * time.Millisecond}
		if !b.run(r) {
			t.Fatalf("run %d did not end in order", r.Run)
		}
		runs = append(runs, sentRun{run: r.Run, inOrder: true, online: 1})
	}
	b.judge(runs)
}
