// Package failpoint names the places where a test may end or hold a process.
// It owns the list of names and what happens there. Without the build tag
// failpoint nothing can happen: [Hit] is empty and costs nothing. It refuses
// to change what a process decides; a failpoint is a moment, not a branch.
//
// With the tag, the environment variable PROBEFLEET_FAILPOINT says where and
// what, several separated by commas:
//
//	name=kill        SIGKILL to the process itself, at the first hit
//	name=kill:7      at the seventh
//	name=pause:5s    the goroutine that gets there waits, at every hit
package failpoint

// Variable is the environment variable that is read under the build tag.
const Variable = "PROBEFLEET_FAILPOINT"

// A Name is one moment in the life of a job or a result.
type Name string

// The moments. Before and After surround what their names say.
const (
	SchedulerSendBefore      Name = "scheduler.send.before"
	SchedulerSendAfter       Name = "scheduler.send.after"
	SchedulerWatermarkBefore Name = "scheduler.watermark.before"
	SchedulerWatermarkAfter  Name = "scheduler.watermark.after"

	// A queue's moments are those of each process that consumes one.
	QueueReceiveBefore Name = "queue.receive.before"
	QueueReceiveAfter  Name = "queue.receive.after"
	QueueDeleteBefore  Name = "queue.delete.before"
	QueueDeleteAfter   Name = "queue.delete.after"

	WorkerRunBefore    Name = "worker.run.before"
	WorkerRunAfter     Name = "worker.run.after"
	WorkerResultBefore Name = "worker.result.before"
	WorkerResultAfter  Name = "worker.result.after"

	RecorderRecordBefore Name = "recorder.record.before"
	StoreCommitBefore    Name = "store.commit.before"
	StoreCommitAfter     Name = "store.commit.after"
	RecorderRecordAfter  Name = "recorder.record.after"
)

// Points lists every failpoint with the commands that pass it.
var Points = []Point{
	{SchedulerSendBefore, []string{"scheduler"}},
	{SchedulerSendAfter, []string{"scheduler"}},
	{SchedulerWatermarkBefore, []string{"scheduler"}},
	{SchedulerWatermarkAfter, []string{"scheduler"}},
	{QueueReceiveBefore, []string{"worker", "recorder"}},
	{QueueReceiveAfter, []string{"worker", "recorder"}},
	{QueueDeleteBefore, []string{"worker", "recorder"}},
	{QueueDeleteAfter, []string{"worker", "recorder"}},
	{WorkerRunBefore, []string{"worker"}},
	{WorkerRunAfter, []string{"worker"}},
	{WorkerResultBefore, []string{"worker"}},
	{WorkerResultAfter, []string{"worker"}},
	{RecorderRecordBefore, []string{"recorder"}},
	{StoreCommitBefore, []string{"recorder"}},
	{StoreCommitAfter, []string{"recorder"}},
	{RecorderRecordAfter, []string{"recorder"}},
}

// Point is a failpoint and the commands in which it lies.
type Point struct {
	Name     Name
	Commands []string
}
