package determinism

func bare(m map[int]int, use func(int)) {
	// want-below "//lint:ordered without a reason is forbidden"
	//lint:ordered
	for k := range m { // want "a range over a map"
		use(k)
	}
}
