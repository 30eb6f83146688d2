package main

import (
	"fmt"
	"os"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
)

// nodeOrRole is the command, or what a test needs beside it. SMALTI_TEST_ROLE=ticketed is a
// producer that asks for tickets, for which the command has no flag. SMALTI_TEST_ROLE=numbers
// is one run of the producer of TestConsumeReportsWhatKilledProducersLost.
func nodeOrRole() {
	var err error
	switch os.Getenv("SMALTI_TEST_ROLE") {
	case "ticketed":
		err = produceForTickets(os.Args[1], os.Args[2])
	case "numbers":
		err = produceNumbers(os.Args[1])
	default:
		main()
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func produceForTickets(keyFile, listen string) error {
	key, err := readKey(keyFile)
	if err != nil {
		return err
	}
	p, err := start(settings{network: ident.Network("n1"), key: key, listen: listen}, nil)
	if err != nil {
		return err
	}
	if _, err := stream.Produce[string](p.Streams(), "lines", stream.ProducerConfig{Tickets: []ticket.Validator{tickettest.Validator{Issuer: key.PeerID()}}}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "ready")
	select {}
}
