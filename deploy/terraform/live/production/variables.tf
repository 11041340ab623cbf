variable "release" {
  description = "Commit of the first release; later ones come by the deployer."
  type        = string
}

variable "control_image" {
  description = "The control image of that release, by digest, from a registry that every location reaches."
  type        = string
}

variable "worker_image" {
  description = "The worker image of that release, by digest, from a registry that every location reaches."
  type        = string
}

variable "control_repository_arn" {
  description = "ARN of the control image's ECR repository, null where it is elsewhere."
  type        = string
  default     = null
}

variable "worker_repository_arn" {
  description = "ARN of the worker image's ECR repository, null where it is elsewhere."
  type        = string
  default     = null
}

variable "home_network" {
  description = "Network of the home."
  type        = object({ vpc_id = string, public_subnets = list(string), private_subnets = list(string) })
}

variable "locations" {
  description = "What each location's region has: image and network of the instances, and their bounds."
  type = map(object({
    ami        = string
    vpc_id     = string
    subnet_ids = list(string)
    instances  = object({ min = number, max = number })
  }))
}

variable "zone_id" {
  description = "Route 53 zone in which both names are."
  type        = string
}

variable "status_host" {
  description = "Name of the public status page."
  type        = string
}

variable "console_host" {
  description = "Name of the console."
  type        = string
}

variable "console_from" {
  description = "Networks from which people reach the console."
  type        = list(string)
}

variable "database_urls" {
  description = "Secrets in Secrets Manager with the DATABASE_URL of scheduler, recorder, console and dashboard."
  type        = map(string)
}

variable "secrets" {
  description = "Further secrets of the services, by service and variable, such as console = { PROBEFLEET_CONSOLE_TOKEN = ARN }."
  type        = map(map(string))
  default     = {}
}

variable "artifacts_bucket" {
  description = "Name of the bucket of artifacts."
  type        = string
}

variable "told" {
  description = "E-mail and https addresses that are told of alarms."
  type        = set(string)
}

variable "canaries" {
  description = "What workers ask when a check fails, to tell the location's faults from the targets'; what they are told as -canaries."
  type        = string
  default     = "one.one.one.one:443,dns.google:443,https://www.example.com/"
}

variable "shadow" {
  description = "Share of the jobs that is copied for candidate workers, by LOCATION/CLASS, such as { \"frankfurt/api\" = 0.1 }. docs/shadow-runs.md."
  type        = map(number)
  default     = {}
}
