package schedule

// The seeds keep phase and shard independent of each other: else the checks
// of one shard would all be due in the same part of their interval.
const (
	phaseSeed = "phase\n"
	shardSeed = "shard\n"
	retrySeed = "retry\n"
)

// hash is FNV-1a (64 bits) of seed, a, a line feed and b, followed by the
// finaliser of MurmurHash3, because the low bits of FNV alone are weak for
// short names that differ in their last letter.
func hash(seed, a, b string) uint64 {
	h := uint64(14695981039346656037)
	h = fnv1a(h, seed)
	h = fnv1a(h, a)
	h = fnv1a(h, "\n")
	h = fnv1a(h, b)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}

func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h ^= uint64(s[i])
		h *= 1099511628211
	}
	return h
}
