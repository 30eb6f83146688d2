package determinism

func channels[C chan int | <-chan int](in chan int, generic C) {
	go channels(in, generic) // want "a go statement is forbidden in runtime/stream: use Scheduler.Go"
	in <- 1                  // want "sending on a channel is forbidden in runtime/stream: use Strand.Post"
	<-in                     // want "receiving from a channel"
	_, _ = <-in              // want "receiving from a channel"
	select {                 // want "select is forbidden in runtime/stream: use a method posted"
	case <-in: // want "receiving from a channel"
	default:
	}
	for range in { // want "a range over a channel"
	}
	for range generic { // want "a range over a channel"
	}
	_ = make(chan int, 1) // want "making a channel"
	close(in)             // want "closing a channel"
	_ = make([]int, 1)
}

type pipe chan int

func named(p pipe) {
	for range p { // want "a range over a channel"
	}
	_ = make(pipe) // want "making a channel"
}
