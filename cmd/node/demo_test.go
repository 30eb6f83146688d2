package main

import "testing"

// entered gives the ledger of so many messages after datums arrived.
func entered(messages uint64, indices ...uint64) *ledger {
	l := &ledger{seen: make([]uint64, (messages+63)/64)}
	for _, i := range indices {
		var datum [demoDatum]byte
		seal(&datum, i)
		l.enter(datum[:])
	}
	return l
}

func TestLedgerCountsDeliveredDuplicatedAndReordered(t *testing.T) {
	for name, test := range map[string]struct {
		arrived                          []uint64
		delivered, duplicated, reordered uint64
	}{
		"in order":        {[]uint64{0, 1, 2, 3}, 4, 0, 0},
		"one lost":        {[]uint64{0, 1, 3}, 3, 0, 0},
		"one twice":       {[]uint64{0, 1, 1, 2, 3}, 4, 1, 0},
		"two swapped":     {[]uint64{0, 2, 1, 3}, 4, 0, 1},
		"swapped, twice":  {[]uint64{0, 2, 1, 2, 3}, 4, 1, 1},
		"never sent":      {[]uint64{0, 1, 2, 3, 1 << 40}, 4, 0, 0},
		"first after all": {[]uint64{1, 2, 3, 0}, 4, 0, 1},
	} {
		l := entered(4, test.arrived...)
		if l.delivered != test.delivered || l.duplicated != test.duplicated || l.reordered != test.reordered {
			t.Errorf("%s: delivered %d, duplicated %d, reordered %d; want %d, %d, %d", name,
				l.delivered, l.duplicated, l.reordered, test.delivered, test.duplicated, test.reordered)
		}
	}
}

func TestLedgerTakesNoDamagedMessage(t *testing.T) {
	var whole [demoDatum]byte
	seal(&whole, 2)
	for at := range whole {
		damaged := whole
		damaged[at] ^= 1
		l := entered(4)
		l.enter(damaged[:])
		l.enter(whole[:at])
		if l.delivered != 0 {
			t.Errorf("a message damaged or cut at byte %d was delivered", at)
		}
	}
}
