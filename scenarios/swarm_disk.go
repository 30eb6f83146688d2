package scenarios

import (
	"fmt"
	"time"
)

// disks lists the classes of faults of stores.
func (d *drawing) disks() []func() string {
	return []func() string{
		func() string {
			return fmt.Sprintf("slowdisk %s %s", d.anyHost(), d.Rand.Duration(10*time.Millisecond, 20*time.Second).Truncate(time.Millisecond))
		},
		func() string { return "fulldisk " + d.anyHost() },
		func() string { return "corrupt " + d.anyHost() },
		func() string { return "powercut " + d.anyHost() },
	}
}
