package wall

import (
	"os"
	goruntime "runtime"
	"strings"
)

// Machine is what a speed was measured on.
type Machine struct {
	CPU   string `json:"cpu"`   // its model, or the architecture where the system does not tell
	Cores int    `json:"cores"` // of the machine
	Procs int    `json:"procs"` // threads that run Go code at once
	Go    string `json:"go"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
}

// ThisMachine describes the machine that the process runs on.
func ThisMachine() Machine {
	m := Machine{CPU: goruntime.GOARCH, Cores: goruntime.NumCPU(), Procs: goruntime.GOMAXPROCS(0), Go: goruntime.Version(), OS: goruntime.GOOS, Arch: goruntime.GOARCH}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m // it is no Linux
	}
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// Allocations counts what the process has allocated so far.
func Allocations() uint64 {
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.Mallocs
}
