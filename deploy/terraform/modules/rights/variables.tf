variable "jobs" {
  description = "ARNs of the queues of jobs that the worker serves."
  type        = list(string)

  validation {
    condition     = length(var.jobs) > 0
    error_message = "Name at least one queue of jobs."
  }
}

variable "results" {
  description = "ARN of the queue of results."
  type        = string
}

variable "shadow" {
  description = "Queues of copies of those jobs, and of what candidates find; null where nothing is copied."
  type        = object({ jobs = list(string), results = string })
  default     = null
}

variable "queue_kms_key_arn" {
  description = "Key of the queues; null where they are encrypted by SQS's own."
  type        = string
  default     = null
}

variable "artifacts" {
  description = "Bucket of the artifacts with its key; null for none."
  type        = object({ bucket_arn = string, kms_key_arn = string })
  default     = null
}
