package lint

import (
	"slices"
	"strings"
)

// Sets of packages that the table is made of.
var (
	// facts are the words that everything speaks in.
	facts = []string{"runtime/ident", "runtime/wire", "runtime/event"}
	// contract is what transports and live see: they carry messages and time,
	// and know nothing of nodes.
	contract = with(facts, "runtime")
	// The product, from tickets up to a whole node.
	belowDiscovery = with(contract, "runtime/ticket", "runtime/ticket/jwt", "runtime/criteria")
	belowStream    = with(belowDiscovery, "runtime/discovery")
	belowNode      = with(belowStream, "runtime/stream", "runtime/loopback")
	product        = with(belowNode, "runtime/node")
	// The simulated world, which may run the whole product.
	belowFault      = with(product, "netsim", "sim")
	belowInvariants = with(belowFault, "sim/fault")
	belowScenarios  = with(belowInvariants, "sim/explore", "invariants", "invariants/linear", "runtime/ticket/tickettest")
	belowReports    = with(belowScenarios, "scenarios")
	belowCommand    = with(belowReports, "sim/bundle", "sim/shrink", "sim/timeline")
)

// layers tells, for each package of the module that is no main program, which
// others of the module it may import. Three branches hang on the product's
// trunk and never meet here: live and quicnet, telemetry, and the simulator.
var layers = map[string][]string{
	"runtime/ident":      nil,
	"runtime/wire":       {"runtime/ident"},
	"runtime/event":      {"runtime/ident", "runtime/wire"},
	"runtime":            facts,
	"runtime/ticket":     contract,
	"runtime/criteria":   contract,
	"runtime/ticket/jwt": with(contract, "runtime/ticket"),
	"runtime/discovery":  belowDiscovery,
	"runtime/stream":     belowStream,
	"runtime/node":       belowNode,

	"runtime/stream/codec/json":     belowNode,
	"runtime/stream/codec/raw":      belowNode,
	"runtime/stream/codec/protobuf": belowNode,

	"runtime/live":        contract,
	"runtime/loopback":    contract,
	"runtime/quicnet":     contract,
	"runtime/quicnet/raw": nil, // plain quic-go, the yardstick of benchmarks

	"runtime/telemetry": facts,

	"netsim":            contract,
	"sim":               with(product, "netsim", "internal/wall"),
	"sim/fault":         belowFault,
	"sim/explore":       belowFault,
	"invariants":        belowInvariants,
	"invariants/linear": with(belowInvariants, "invariants"),
	"scenarios":         with(belowScenarios, "internal/next"),
	"sim/bundle":        belowReports,
	"sim/shrink":        belowReports,
	"sim/timeline":      belowReports,
	"sim/simtest":       belowCommand,
	"sim/simrun":        with(belowCommand, "internal/wall", "internal/suggest"),

	"runtime/ticket/tickettest":       with(contract, "runtime/ticket"),
	"runtime/transporttest":           with(contract, "runtime/transporttest/clocktest"),
	"runtime/transporttest/clocktest": contract,

	"internal/golden":  nil,
	"internal/next":    {"runtime/ident", "runtime/wire"},
	"internal/wall":    nil,
	"internal/suggest": nil,
	"internal/lint":    nil,
}

// joiners may import any package of the module: branches meet in them, and in
// external tests.
var joiners = []string{"cmd", "examples"}

// helpers are made for tests. A test may import them whatever its package may.
var helpers = []string{"internal/golden", "internal/next", "runtime/ticket/tickettest", "runtime/transporttest", "runtime/transporttest/clocktest"}

// owners are the dependencies that one package, with those below it, hides
// from all others, and what the others use. The owner's tests may import them
// too.
var owners = []struct{ module, owner, use string }{
	{"github.com/quic-go/quic-go", "runtime/quicnet", "runtime.Transport"},
	{"github.com/benbjohnson/clock", "runtime/live", "runtime.Clock"},
	{"github.com/prometheus", "runtime/telemetry", "Env.Report, which telemetry turns into metrics"},
	{"github.com/anishathalye/porcupine", "invariants/linear", "a model of invariants/linear"},
	{"github.com/golang-jwt/jwt", "runtime/ticket/jwt", "ticket.Validator"},
}

// exempt are the packages that the determinism rules do not bind, with why.
var exempt = []struct{ root, why string }{
	{"runtime/live", "it implements an Env on the machine"},
	{"runtime/quicnet", "it implements Transport on the machine's network"},
	{"runtime/telemetry", "it runs beside a node and feeds nothing back"},
	{"cmd", "it is where the machine's Env is made"},
	{"internal/wall", "it is the harness's only door to the machine's clock, goroutines and child processes"},
	{"internal/lint", "it reads code and runs none of it"},
}

// exemption gives the reason why the determinism rules do not bind p, or "".
func exemption(p *Package) string {
	for _, e := range exempt {
		if within(p.Path, e.root) {
			return e.why
		}
	}
	if within(p.Path, "examples") && p.Name == "main" {
		return "it is where an example's Env is made"
	}
	return ""
}

// within tells whether path is root or lies below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func withinAny(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(path, root) })
}

// with gives a new set of all of base and more.
func with(base []string, more ...string) []string {
	return slices.Concat(base, more)
}
