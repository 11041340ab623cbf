# Shadow runs: which jobs are copied for candidate workers, and who keeps what
# those find. Nothing of it is there unless a share is named.

variable "shadow" {
  description = "Share of the jobs that is copied for candidate workers, by LOCATION/CLASS, such as { \"paris/api\" = 0.1 }; what the scheduler is told as -shadow. The queues are made by the module queues."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for share in values(var.shadow) : share > 0 && share <= 1])
    error_message = "A share is more than 0 and at most 1."
  }
  validation {
    condition     = length(var.shadow) == 0 || var.queues.shadow != null
    error_message = "Name the queues of copies too: queues.shadow, the output shadow of the module queues."
  }
}

locals {
  # One, or none.
  copied = var.queues.shadow == null ? [] : [var.queues.shadow]

  shadow_environment = {
    scheduler = length(var.shadow) == 0 ? {} : { PROBEFLEET_SHADOW = join(",", [for key, share in var.shadow : "${key}=${share}"]) }
    recorder  = length(var.shadow) == 0 ? {} : { PROBEFLEET_SHADOW = "true" }
  }

  # The scheduler sends copies, the recorder receives what candidates find, and
  # the console counts both and sends copies back that died.
  shadow_rights = {
    scheduler = [for c in local.copied : { Sid = "Copies", Effect = "Allow", Action = ["sqs:GetQueueUrl", "sqs:SendMessage"], Resource = c.jobs }]
    recorder = [for c in local.copied : {
      Sid      = "ResultsOfCandidates"
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      Resource = [c.results]
    }]
    console = flatten([for c in local.copied : [
      { Sid = "CountCopies", Effect = "Allow", Action = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"], Resource = concat(c.jobs, [c.results]) },
      { Sid = "RedriveCopies", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = c.jobs },
    ]])
  }
}
