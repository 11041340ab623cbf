# A candidate runs on an instance of the location with PROBEFLEET_SHADOW=true: it
# may take copies, and send what it finds to where nothing counts.

variable "shadow" {
  description = "Queues of copies of this location's jobs, and of what candidates find, from the module queues' output shadow_of; null where nothing is copied."
  type        = object({ jobs = list(string), results = string })
  default     = null
}

locals {
  shadow_statements = var.shadow == null ? [] : [
    {
      Sid      = "CopiesOfJobs"
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      Resource = var.shadow.jobs
    },
    {
      Sid      = "ResultsOfCandidates"
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
      Resource = [var.shadow.results]
    },
  ]
}
