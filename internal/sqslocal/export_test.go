package sqslocal

// LimitInFlight lowers the number of messages a queue may have in flight, for
// queues that are created later.
func (s *Server) LimitInFlight(n int) { s.maxInFlight = n }
