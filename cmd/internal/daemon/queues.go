package daemon

// QueueFlags adds the flags of every command that speaks to the queues. Where
// the queue is, and with which rights, the AWS SDK reads from its own
// variables; AWS_ENDPOINT_URL_SQS names another server than AWS.
func QueueFlags(f *Flags, prefix *string, create *bool) {
	f.StringVar(prefix, "queue-prefix", "probefleet", "first part of the queues' names")
	f.BoolVar(create, "create-queues", false, "create queues that do not exist; for development, elsewhere they are deployed")
}
