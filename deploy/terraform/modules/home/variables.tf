variable "prefix" {
  description = "First part of the queues' names, and of the names of what is made here."
  type        = string
  default     = "probefleet"
}

variable "image" {
  description = "The control image by digest: REGISTRY/NAME@sha256:…"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./:_-]*@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, REGISTRY/NAME@sha256:…"
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

variable "network" {
  description = "Where the home is: the load balancer in public subnets, services and database in private ones with a way out."
  type = object({
    vpc_id          = string
    public_subnets  = list(string)
    private_subnets = list(string)
  })

  validation {
    condition     = length(var.network.public_subnets) >= 2 && length(var.network.private_subnets) >= 2
    error_message = "Load balancer and database need subnets in two zones each."
  }
}

variable "zone_id" {
  description = "Route 53 zone in which both names are."
  type        = string
}

variable "status_host" {
  description = "Name of the public status page, such as status.example.com."
  type        = string
}

variable "console_host" {
  description = "Name of the console, such as probefleet.example.com."
  type        = string
}

variable "console_from" {
  description = "Networks from which the console may be reached by people. Jobs that call /ping/, and the status page, are reached from everywhere."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]
}

variable "sizes" {
  description = "CPU units and MiB of each service, as Fargate has them, and how many run."
  type        = map(object({ cpu = number, memory = number, count = number }))
  nullable    = false
  default = {
    scheduler = { cpu = 512, memory = 1024, count = 2 }
    recorder  = { cpu = 1024, memory = 2048, count = 2 }
    console   = { cpu = 512, memory = 1024, count = 2 }
    dashboard = { cpu = 512, memory = 1024, count = 2 }
  }

  validation {
    condition     = toset(keys(var.sizes)) == toset(["scheduler", "recorder", "console", "dashboard"]) && alltrue([for s in values(var.sizes) : s.count >= 1])
    error_message = "Size scheduler, recorder, console and dashboard, one of each or more."
  }
}

variable "environment" {
  description = "Further environment of a service, by its name; flags are named PROBEFLEET_ and the flag."
  type        = map(map(string))
  default     = {}
}

variable "secrets" {
  description = "Further environment of a service that is secret: ARNs in Secrets Manager, by service and variable."
  type        = map(map(string))
  default     = {}
}

variable "database" {
  description = "Size of the database, and how long its backups are kept."
  type = object({
    instance_class = string
    storage        = number # GiB at first
    most_storage   = number # GiB to which it grows by itself
    backup_days    = number
    multi_az       = bool
  })
  nullable = false
  default  = { instance_class = "db.m7g.large", storage = 100, most_storage = 1000, backup_days = 14, multi_az = true }

  validation {
    condition     = var.database.backup_days >= 1 && var.database.backup_days <= 35
    error_message = "Keep backups for 1 to 35 days: without them there is no way back to a moment."
  }
}

variable "database_urls" {
  description = "Secrets in Secrets Manager with the DATABASE_URL of each service: a database role of its own for each. docs/terraform.md says how they are made."
  type        = map(string)

  validation {
    condition     = toset(keys(var.database_urls)) == toset(["scheduler", "recorder", "console", "dashboard"])
    error_message = "Name a secret for scheduler, recorder, console and dashboard."
  }
}

variable "queues" {
  description = "The outputs jobs, results, dead_arns, kms_key_arn and shadow of the module queues."
  type = object({
    jobs        = list(string)
    results     = string
    dead        = list(string)
    kms_key_arn = string
    shadow      = optional(object({ jobs = list(string), results = string, dead = list(string) }))
  })
}

variable "artifacts" {
  description = "Output store of the module artifacts; null shows none."
  type        = object({ url = string, bucket_arn = string, kms_key_arn = string })
  default     = null
}

variable "capacity" {
  description = "What the scheduler promises of the queues: allowed wait in seconds, part of the slots that is busy; and in which region each location's instances are told of it."
  type = object({
    wait    = number
    busy    = number
    regions = map(string)
  })
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the scheduler's metrics."
  type        = string
  default     = "Probefleet"
}

variable "repository_arn" {
  description = "ARN of the ECR repository of the image, null where it is elsewhere and needs no log-in."
  type        = string
  default     = null
}

variable "log_group" {
  description = "Log group of the services, from the module observability."
  type        = object({ name = string, arn = string })
}

variable "alarm_actions" {
  description = "ARNs that are told when an alarm fires, and when it is over."
  type        = list(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether database and load balancer refuse to be deleted."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
