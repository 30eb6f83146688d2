package runtime_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"pgregory.net/rapid"
)

func TestRateIsOneEverySoOftenAfterABurst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.IntRange(1, 1000).Draw(t, "every"))
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		var g runtime.GCRA
		var passed []time.Duration
		now := time.Duration(rapid.IntRange(0, 1000).Draw(t, "begin"))
		idle := now
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			now += time.Duration(rapid.IntRange(0, 700).Draw(t, "pause"))
			if g.Idle(now) != (now >= idle) {
				t.Fatalf("idle at %d is %t, all is paid for at %d", now, g.Idle(now), idle)
			}
			if g.Allow(now, every, burst) {
				passed = append(passed, now)
				idle = max(idle, now) + every
			} else if len(passed) < burst || now-passed[len(passed)-burst] >= time.Duration(burst)*every {
				t.Fatalf("refused at %d after %v", now, passed)
			}
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				if most := burst + int((passed[j]-passed[i])/every); j-i+1 > most {
					t.Fatalf("%d passed between %d and %d, want at most %d", j-i+1, passed[i], passed[j], most)
				}
			}
		}
	})
}

func TestSpendingSaysHowLongToWait(t *testing.T) {
	var g runtime.GCRA
	if w := g.Spend(0, time.Second, 10, 10); w != 0 {
		t.Errorf("the burst itself waits %s", w)
	}
	if w := g.Spend(0, time.Second, 10, 3); w != 3*time.Second {
		t.Errorf("three beyond the burst wait %s, want 3s", w)
	}
	if w := g.Spend(4*time.Second, time.Second, 10, 1); w != 0 {
		t.Errorf("after the wait: %s", w)
	}
}
