package recorder

import "context"

// JudgeHeartbeats judges once, without waiting for its turn.
func (r *Recorder) JudgeHeartbeats(ctx context.Context) error { return r.judgeHeartbeats(ctx) }
