package discovery_test

import (
	"fmt"

	"github.com/smalti/smalti/runtime/discovery"
)

func ExampleParseEndpoint() {
	_, err := discovery.ParseEndpoint("node1.example.com:4701")
	fmt.Println(err)
	// Output:
	// parse bootstrap address "node1.example.com:4701": want PEER@HOST:PORT: there is no @
}
