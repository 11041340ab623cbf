variable "name" {
  description = "Name of what follows; the alarm's begins with it."
  type        = string
}

variable "description" {
  description = "What the alarm says."
  type        = string
}

variable "classes" {
  description = "The classes of jobs that are served, each with the dimensions of its metrics."
  type        = map(map(string))

  validation {
    condition     = length(var.classes) > 0
    error_message = "Name at least one class."
  }
}

variable "units" {
  description = "Workers for each unit of what is asked for: containers of an instance, 1 for tasks."
  type        = number
  default     = 1
}

variable "asked" {
  description = "The metric of how much was asked for."
  type        = object({ namespace = string, name = string, dimensions = map(string) })
}

variable "adds" {
  description = "ARN of the policy that adds by the steps."
  type        = string
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the scheduler's metrics."
  type        = string
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
}
