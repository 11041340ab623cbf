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

variable "fleet" {
  description = "What is the same at every location: both images by digest (REGISTRY/NAME@sha256:…) and the commit that they were built from, which the deployer takes to be running at first; the ARNs of their ECR repositories, none where they are elsewhere and need no log-in; further environment of the workers, such as PROBEFLEET_CANARIES; and of the home the queues' region, the queue of results and the queues' key, null where they are encrypted by SQS's own, and where artifacts go, null for nowhere."
  type = object({
    control_image      = string
    worker_image       = string
    release            = string
    repository_arns    = optional(list(string), [])
    worker_environment = optional(map(string), {})
    queue_region       = string
    results            = string
    queue_kms_key_arn  = optional(string)
    artifacts          = optional(object({ url = string, bucket_arn = string, kms_key_arn = string }))
  })

  validation {
    condition     = alltrue([for image in [var.fleet.control_image, var.fleet.worker_image] : can(regex("^[a-z0-9][a-z0-9./:_-]*@sha256:[0-9a-f]{64}$", image))])
    error_message = "Name both images by their digest, REGISTRY/NAME@sha256:…; a tag may mean something else tomorrow, and an instance that boots then would run it."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.fleet.release))
    error_message = "The release is a commit, 40 hexadecimal digits."
  }
  validation {
    condition     = alltrue([for key, value in var.fleet.worker_environment : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !strcontains(value, "\n")])
    error_message = "Names in worker_environment are capitals, digits and '_', values are one line."
  }
}

variable "place" {
  description = "What the location's region has: the image of the instances (Amazon Linux 2023, or another with cloud-init, systemd, dnf and the AWS command line), their network, subnets in several zones with a way to the internet, as checks reach anything, and the bounds of their number. The least is 1 or more: a location without workers measures nothing, and from 0 no policy knows the way back by proportion."
  type = object({
    ami        = string
    vpc_id     = string
    subnet_ids = list(string)
    instances  = object({ min = number, max = number })
  })

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.place.ami))
    error_message = "Name the image of the instances by its id, ami-…, so that a new instance is like those that run."
  }
  validation {
    condition     = length(var.place.subnet_ids) > 0
    error_message = "Name at least one subnet."
  }
  validation {
    condition     = var.place.instances.min >= 1 && var.place.instances.max >= var.place.instances.min
    error_message = "Use at least 1 instance, and at most no fewer than at least."
  }
}

variable "instance_type" {
  description = "Type of the instances; it has to hold units × unit_memory."
  type        = string
  default     = "m7i.2xlarge"
}

variable "units" {
  description = "Worker containers of an instance."
  type        = number
  default     = 5

  validation {
    condition     = var.units >= 1 && var.units <= 100 && floor(var.units) == var.units
    error_message = "Use 1 to 100 containers an instance."
  }
}

variable "unit_memory" {
  description = "MiB of memory of a container. The browser's own bound (browser_memory) has to leave 512 MiB of it."
  type        = number
  default     = 3072
}

variable "unit_cpus" {
  description = "Cores of a container, 0 for as many as there are."
  type        = number
  default     = 0
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

variable "jobs" {
  description = "ARNs of this location's queues of jobs, from the module queues."
  type        = list(string)
}

variable "shadow" {
  description = "Queues of copies of this location's jobs, and of what candidates find, from the module queues' output shadow_of; null where nothing is copied. A candidate runs on an instance of the location with PROBEFLEET_SHADOW=true."
  type        = object({ jobs = list(string), results = string })
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
