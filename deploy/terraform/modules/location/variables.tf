variable "name" {
  description = "The location, as checks name it; what workers are told as -location."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_-]{1,40}$", var.name))
    error_message = "A location is 1 to 40 of a-z, 0-9, '-' and '_'."
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
    error_message = "Name the image by its digest, REGISTRY/NAME@sha256:…; a tag may mean something else tomorrow, and an instance that boots then would run it."
  }
}

variable "release" {
  description = "Commit from which the image was built; what the deployer takes to be running at first."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.release))
    error_message = "The release is a commit, 40 hexadecimal digits."
  }
}

variable "ami" {
  description = "Image of the instances: Amazon Linux 2023, or another with cloud-init, systemd, dnf and the AWS command line."
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami))
    error_message = "Name the image of the instances by its id, ami-…, so that a new instance is like those that run."
  }
}

variable "instance_type" {
  description = "Type of the instances; it has to hold units × unit_memory."
  type        = string
  default     = "m7i.2xlarge"
}

variable "instances" {
  description = "Bounds of the number of instances. The least is 1 or more: a location without workers measures nothing, and from 0 no policy knows the way back by proportion."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 10 }

  validation {
    condition     = var.instances.min >= 1 && var.instances.max >= var.instances.min
    error_message = "Use at least 1 instance, and at most no fewer than at least."
  }
}

variable "units" {
  description = "Worker containers of an instance."
  type        = number
  default     = 5

  validation {
    condition     = var.units >= 1 && var.units <= 9 && floor(var.units) == var.units
    error_message = "Use 1 to 9 containers an instance."
  }
}

variable "unit_memory" {
  description = "MiB of memory of a container. The browser's own bound (browser_memory) has to leave 512 MiB of it."
  type        = number
  default     = 3072
}

variable "slots" {
  description = "Jobs of each class that a container runs at a time; a class with 0 is not served."
  type        = object({ api = number, browser = number })
  default     = { api = 20, browser = 2 }

  validation {
    condition     = var.slots.api >= 0 && var.slots.browser >= 0 && var.slots.api + var.slots.browser > 0
    error_message = "Give at least one class a slot."
  }
}

variable "browser_memory" {
  description = "MiB that a container's browser may take; what workers are told as -browser-memory."
  type        = number
  default     = 2048
}

variable "worker_environment" {
  description = "Further environment of the workers, such as PROBEFLEET_CANARIES; flags are named PROBEFLEET_ and the flag."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.worker_environment : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !strcontains(value, "\n")])
    error_message = "Names are capitals, digits and '_', values are one line."
  }
}

variable "seccomp_profile" {
  description = "The seccomp profile for Chromium's sandbox, as JSON: Docker's own, with clone, unshare and chroot allowed."
  type        = string

  validation {
    condition     = can(jsondecode(var.seccomp_profile).syscalls)
    error_message = "Give the text of a seccomp profile: JSON with a list of syscalls."
  }
}

variable "vpc_id" {
  description = "Network of the instances."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the instances, in several zones, with a way to the internet: checks reach anything."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "Name at least one subnet."
  }
}

variable "queue_region" {
  description = "Region of the queues, the home's."
  type        = string
}

variable "jobs" {
  description = "ARNs of this location's queues of jobs, from the module queues."
  type        = list(string)
}

variable "results" {
  description = "ARN of the queue of results, from the module queues."
  type        = string
}

variable "queue_kms_key_arn" {
  description = "Key of the queues, null where they are encrypted by SQS's own."
  type        = string
  default     = null
}

variable "artifacts" {
  description = "Where artifacts go, from the module artifacts; null keeps none."
  type        = object({ url = string, bucket_arn = string, kms_key_arn = string })
  default     = null
}

variable "repository_arn" {
  description = "ARN of the ECR repository of the image, null where the image is elsewhere and needs no log-in."
  type        = string
  default     = null
}

variable "log_group" {
  description = "Log group of the workers, in the location's region, from the module observability."
  type        = object({ name = string, arn = string })
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the scheduler's metrics; what it is told as -cloudwatch."
  type        = string
  default     = "Probefleet"
}

variable "alarm_actions" {
  description = "ARNs, in the location's region, that are told when an alarm fires, and when it is over."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
