variable "bucket" {
  description = "Name of the bucket, as no other in the world has it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name is 3 to 63 of a-z, 0-9 and '-', and begins and ends with a letter or digit."
  }
}

variable "days" {
  description = "Days for which artifacts are kept. Take at least as many as the recorder keeps single results (-keep-runs), else links lead nowhere."
  type        = number
  default     = 30

  validation {
    condition     = var.days >= 1
    error_message = "Keep artifacts for a day or longer."
  }
}

variable "writers" {
  description = "ARNs of the workers' roles. They are in this account, so that their own policies suffice for the bucket; the key asks for them by name."
  type        = list(string)
  default     = []
}

variable "readers" {
  description = "ARNs of the roles that show artifacts: the console's."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
