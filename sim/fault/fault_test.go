package fault_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/sim/fault"
)

func TestEveryClassParsesItsOwnText(t *testing.T) {
	for _, c := range fault.Classes() {
		f, err := fault.Parse(c.Usage)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if f.Class() != c.Name || f.String() != c.Usage {
			t.Errorf("%q became class %q, text %q", c.Usage, f.Class(), f.String())
		}
		if len(c.Marks) == 0 || c.Doc == "" || len(f.Hosts()) == 0 {
			t.Errorf("%s: no marks, doc or hosts", c.Name)
		}
	}
}

func TestParseSaysWhatItWants(t *testing.T) {
	for _, text := range []string{
		"", "earthquake a", "partition a b", "partition |", "cut a -> ", "isolate a,b", "crash", "step a", "step a soon",
		"slow a -> b", "slow a -> b -5ms", "loss a -> b 5%", "loss a -> b 900000ppm", "reset a,b | c", "stall", "stall a,b",
		"crawl a", "crawl a 0s", "crawl a soon", "pause a,b", "drift a", "drift a 5", "drift a 0ppm", "drift a 125001ppm", "drift a -125001ppm",
		"flood a", "flood a 0", "flood a 10001", "flood a many", "bulk a 0", "bulk a 1048577", "panic", "withhold", "renew a,b", "offset a", "offset a soon", "restart", "revoke a b", "spoil",
		"bridge a | b", "bridge a | | c", "ring a,b,c", "ring a,b,c,a", "flap a | b", "flap a | b 9ms", "flap a,b 1s", "swizzle a", "swizzle a soon", "swizzle 1s",
		"jitter a -> b uniform", "jitter a -> b gauss 5ms", "jitter a -> b uniform 0s", "jitter a -> b uniform 2m", "jitter a b uniform 5ms", "jitter",
		"throttle a -> b", "throttle a -> b 100", "throttle a -> b fast", "throttle a 65536", "burst a -> b 1s", "burst a -> b 1s 1us", "burst a -> b 1s soon", "burst a 1s 1s",
		"unreachable", "unreachable a,b", "halfopen a | b", "halfopen a",
		"busy a", "busy a 0s", "busy a 2m", "busy a,b 1ms", "busy a soon",
		"slowdisk a", "slowdisk a 0s", "slowdisk a 11m", "slowdisk a soon", "fulldisk", "fulldisk a b", "corrupt", "corrupt a,b", "powercut", "powercut a,b",
		"gulp a", "gulp a 0s", "leave", "leave a,b", "steal a", "steal a a", "steal a,b c", "steal a b c", "brink", "brink a 1ms", "lapse a", "lapse a -2s", "lapse a 2m", "lapse a soon",
		"twin a", "twin a a", "twin a,b c", "twin a b c",
		"accuse a", "accuse a 0", "accuse a 65", "forge", "forge a,b", "replay a 3", "lure a", "lure a a", "lure a b c", "lure a,b c", "sybil a", "sybil a 0", "sybil a 10001", "sybil a many", "besiege",
	} {
		if f, err := fault.Parse(text); !errors.Is(err, fault.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, %v, want ErrSyntax", text, f, err)
		}
	}
}

func TestParseReadsLists(t *testing.T) {
	f, err := fault.Parse("  slow a, b -> c 1m0s ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, f.Hosts()); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if got, want := f.String(), "slow a,b -> c 1m0s"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range fault.Classes() {
		f.Add(c.Usage)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := fault.Parse(text)
		if err != nil {
			return
		}
		again, err := fault.Parse(x.String())
		if err != nil || again.String() != x.String() {
			t.Fatalf("%q became %q, then %v, %v", text, x, again, err)
		}
	})
}
