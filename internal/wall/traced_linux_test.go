package wall_test

import (
	"os"
	"os/exec"
	goruntime "runtime"
	"syscall"
	"testing"
)

// A debugger that holds a step is no hang.
func TestWatchdogLeavesATracedProcessAlone(t *testing.T) {
	for name, x := range map[string]struct {
		trace bool
		want  int
	}{"traced": {true, 0}, "alone": {false, 6}} {
		t.Run(name, func(t *testing.T) {
			goruntime.LockOSThread() // one thread is the tracer
			defer goruntime.UnlockOSThread()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), mode+"=stands")
			cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: x.trace}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pid := cmd.Process.Pid
			for {
				var status syscall.WaitStatus
				if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
					t.Fatal(err)
				}
				if status.Exited() {
					if status.ExitStatus() != x.want {
						t.Errorf("exit status %d, want %d", status.ExitStatus(), x.want)
					}
					return
				}
				sig := status.StopSignal()
				if sig == syscall.SIGTRAP {
					sig = 0
				}
				if err := syscall.PtraceCont(pid, int(sig)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
