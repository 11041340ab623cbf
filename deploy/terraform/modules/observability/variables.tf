variable "prefix" {
  description = "First part of the names of what is made here; the scheduler's metrics bear it as Fleet."
  type        = string
  default     = "probefleet"
}

variable "log_groups" {
  description = "Names of the log groups to make, after /PREFIX/: a location's, or home."
  type        = set(string)
}

variable "log_days" {
  description = "Days for which logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 days."
  }
}

variable "told" {
  description = "E-mail addresses and https addresses that are told of alarms; each has to confirm once."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for t in var.told : startswith(t, "https://") || can(regex("^[^@ ]+@[^@ ]+$", t))])
    error_message = "Use e-mail addresses and addresses that begin with https://."
  }
}

variable "dashboard" {
  description = "Locations and classes to draw; the metrics have to be in this region. Empty makes no dashboard."
  type        = map(set(string))
  default     = {}
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
