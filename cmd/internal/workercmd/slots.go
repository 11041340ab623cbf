package workercmd

// AutoSlots stands for as many browser slots as cores and memory carry.
const AutoSlots = -1

// What a browser takes by itself and with each check more, in bytes: twice
// what small pages were measured at.
const (
	browserBase  = 512 << 20
	browserCheck = 256 << 20
)

// autoSlots is the number of browser checks that run well at once: one a core,
// as more are slower without being more, and no more than the memory has room
// for. Where that is not known only the cores count.
func autoSlots(cores int, memory func() (uint64, error)) int {
	slots := max(1, cores)
	if free, err := memory(); err == nil {
		room := 1
		if free > browserBase {
			room = max(1, int((free-browserBase)/browserCheck))
		}
		slots = min(slots, room)
	}
	return slots
}
