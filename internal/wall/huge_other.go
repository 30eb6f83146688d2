//go:build !linux

package wall

// huge has no effect here.
func huge(int64) {}
