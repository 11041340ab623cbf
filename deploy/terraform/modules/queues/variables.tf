variable "prefix" {
  description = "First part of all queues' names; what the commands are told as -queue-prefix."
  type        = string
  default     = "probefleet"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.prefix))
    error_message = "The prefix is 1 to 16 of a-z, 0-9 and '-', and begins with a letter."
  }
}

variable "locations" {
  description = "The classes of jobs that each location serves: a queue for each."
  type        = map(set(string))

  validation {
    condition     = length(var.locations) > 0 && alltrue([for name in keys(var.locations) : can(regex("^[a-z0-9_-]{1,40}$", name))])
    error_message = "Name at least one location by 1 to 40 of a-z, 0-9, '-' and '_': a queue's name has 80 characters at most."
  }
  validation {
    condition     = alltrue([for classes in values(var.locations) : length(classes) > 0 && length(setsubtract(classes, ["api", "browser"])) == 0])
    error_message = "A location serves api, browser, or both."
  }
}

variable "allowed_wait" {
  description = "Seconds that a job may wait; what the scheduler is told as -capacity-wait. The alarm on a queue's age is at twice as much."
  type        = number
  default     = 30

  validation {
    condition     = var.allowed_wait >= 1 && var.allowed_wait <= 600
    error_message = "Use 1 to 600 seconds."
  }
}

variable "least_coverage" {
  description = "Per cent of the jobs that were sent in a quarter of an hour that have to be done in it."
  type        = number
  default     = 95

  validation {
    condition     = var.least_coverage > 0 && var.least_coverage < 100
    error_message = "Use more than 0 and less than 100: what is sent at the end of the time is done after it."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages; SQS's own where it is null. A key of your own costs a call for each of its periods of use."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "ARNs that are told when an alarm fires, and when it is over."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
