variable "name" {
  description = "The location, as checks name it; what workers are told as -location."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_-]{1,40}$", var.name))
    error_message = "A location is 1 to 40 of a-z, 0-9, '-' and '_'."
  }
}

variable "class" {
  description = "The class of jobs that these workers serve. A service serves one: api on Fargate, browser on instances."
  type        = string

  validation {
    condition     = contains(["api", "browser"], var.class)
    error_message = "Use api or browser."
  }
}

variable "slots" {
  description = "Jobs that a task runs at a time."
  type        = number
  default     = 20

  validation {
    condition     = var.slots >= 1
    error_message = "Give a task a slot at least."
  }
}

variable "prefix" {
  description = "First part of the queues' names, and of the names of what is made here."
  type        = string
  default     = "probefleet"
}

variable "image" {
  description = "The worker's image by digest: REGISTRY/NAME@sha256:…"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./:_-]*@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, REGISTRY/NAME@sha256:…"
  }
}

variable "release" {
  description = "Commit from which the image was built; what the deployer takes to be running at first."
  type        = string
}

variable "cluster" {
  description = "Name of the ECS cluster, with Container Insights."
  type        = string
}

variable "capacity_provider" {
  description = "Capacity provider of instances whose Docker daemon has the seccomp profile as its default (docs/terraform.md); null for Fargate, where Chromium has no sandbox and browser checks are refused."
  type        = string
  default     = null
}

variable "cpu" {
  description = "CPU units of a task."
  type        = number
  default     = 1024
}

variable "memory" {
  description = "MiB of a task."
  type        = number
  default     = 2048
}

variable "tasks" {
  description = "Bounds of the number of tasks; the least is 1 or more, as from 0 no policy knows the way back by proportion."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 20 }

  validation {
    condition     = var.tasks.min >= 1 && var.tasks.max >= var.tasks.min
    error_message = "Use at least 1 task, and at most no fewer than at least."
  }
}

variable "environment" {
  description = "Further environment of the workers, such as PROBEFLEET_CANARIES."
  type        = map(string)
  default     = {}
}

variable "subnet_ids" {
  description = "Private subnets of the tasks, with a way to the internet."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the tasks: out to everywhere, in from nowhere."
  type        = list(string)
}

variable "queue_region" {
  description = "Region of the queues, the home's."
  type        = string
}

variable "jobs" {
  description = "ARN of the queue of jobs, from the module queues."
  type        = string
}

variable "results" {
  description = "ARN of the queue of results, from the module queues."
  type        = string
}

variable "queue_kms_key_arn" {
  description = "Key of the queues, from the module queues; null where they are encrypted by SQS's own."
  type        = string
  default     = null
}

variable "artifacts" {
  description = "Where artifacts go, the module artifacts' output store, which takes the output role_arn among its writers; null for nowhere."
  type        = object({ url = string, bucket_arn = string, kms_key_arn = string })
  default     = null
}

variable "execution_role_arn" {
  description = "Role that starts the tasks: image and log."
  type        = string
}

variable "log_group" {
  description = "Name of the log group."
  type        = string
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the scheduler's metrics."
  type        = string
  default     = "Probefleet"
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
