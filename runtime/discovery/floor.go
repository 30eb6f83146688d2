package discovery

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"

	"github.com/smalti/smalti/runtime"
)

// floorName is where the store keeps the highest Started that this node ever
// published. A restart begins above it, whatever its clock says, so that its
// entries supersede those of the run before.
const floorName = "version-floor"

// loadFloor gives 0 when there is nothing to read or what is there is damaged:
// the node then learns from its peers which version it has to beat.
func loadFloor(env *runtime.Env) int64 {
	data, err := env.Load(floorName)
	switch {
	case errors.Is(err, runtime.ErrNoStore), errors.Is(err, fs.ErrNotExist):
		return 0
	case err != nil:
		env.Mark("discovery-floor-unreadable")
		return 0
	}
	floor, ok := decodeFloor(data)
	if !ok {
		env.Mark("discovery-floor-unreadable")
	}
	return floor
}

// encodeFloor gives eight bytes of floor and four of their CRC-32: a flipped
// bit must not send the node's versions into the far future, where nobody
// takes them.
func encodeFloor(floor int64) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(floor))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeFloor(b []byte) (floor int64, ok bool) {
	if len(b) != 12 || crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return 0, false
	}
	floor = int64(binary.BigEndian.Uint64(b))
	if floor < 0 || floor >= maxVersion-1 {
		return 0, false
	}
	return floor, true
}
