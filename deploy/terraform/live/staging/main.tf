# Staging: all of production once, smaller: the home and one location in the same
# region. A release bakes here before it is promoted. The other files are those
# of production.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
  # terraform init -backend-config=bucket=… -backend-config=region=…
  backend "s3" {
    key          = "probefleet/staging.tfstate"
    use_lockfile = true
    encrypt      = true
  }
}

locals {
  stage   = "staging"
  prefix  = "probefleet-stg"
  home    = "frankfurt"
  regions = { frankfurt = "eu-central-1" }
  workers = { frankfurt = module.frankfurt }
  writers = [module.frankfurt.role_arn]

  home_observability = module.observability_frankfurt
  artifact_days      = 14
  database           = { instance_class = "db.t4g.medium", storage = 20, most_storage = 100, backup_days = 7, multi_az = false }
  sizes              = { for name in ["scheduler", "recorder", "console", "dashboard"] : name => { cpu = 256, memory = 512, count = 1 } }
}

provider "aws" {
  region = local.regions.frankfurt
  default_tags { tags = local.tags }
}

module "observability_frankfurt" {
  source = "../../modules/observability"

  prefix     = local.prefix
  log_groups = ["home", "frankfurt"]
  told       = var.told
  dashboard  = { frankfurt = local.classes }
}

module "frankfurt" {
  source = "../../modules/location"

  name          = "frankfurt"
  prefix        = local.prefix
  fleet         = local.fleet
  place         = var.locations["frankfurt"]
  instance_type = "m7i.large"
  units         = 2
  jobs          = module.queues.jobs_of["frankfurt"]
  shadow        = module.queues.shadow_of["frankfurt"]
  log_group     = module.observability_frankfurt.logs["frankfurt"]
  alarm_actions = [module.observability_frankfurt.topic_arn]
}
