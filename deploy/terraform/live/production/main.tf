# Production: the home in Frankfurt, and a location in each of three regions.
# What is particular to your organisation comes by variables; docs/terraform.md
# goes through them. A location more is a provider, an observability and a
# location: copy those of one that is there, and name it in the three lists below.

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
    key          = "probefleet/production.tfstate"
    use_lockfile = true
    encrypt      = true
  }
}

locals {
  stage   = "production"
  prefix  = "probefleet"
  home    = "frankfurt"
  regions = { frankfurt = "eu-central-1", paris = "eu-west-3", virginia = "us-east-1" }
  workers = { frankfurt = module.frankfurt, paris = module.paris, virginia = module.virginia }
  # Not by the map: all that a location puts out depends on the bucket, its role
  # alone does not.
  writers = [module.frankfurt.role_arn, module.paris.role_arn, module.virginia.role_arn]

  home_observability = module.observability_frankfurt
  artifact_days      = 30
  # As large as the module makes them by itself.
  database = null
  sizes    = null
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
  jobs          = module.queues.jobs_of["frankfurt"]
  shadow        = module.queues.shadow_of["frankfurt"]
  log_group     = module.observability_frankfurt.logs["frankfurt"]
  alarm_actions = [module.observability_frankfurt.topic_arn]
}

provider "aws" {
  alias  = "paris"
  region = local.regions.paris
  default_tags { tags = local.tags }
}

module "observability_paris" {
  source    = "../../modules/observability"
  providers = { aws = aws.paris }

  prefix     = local.prefix
  log_groups = ["paris"]
  told       = var.told
  dashboard  = { paris = local.classes }
}

module "paris" {
  source    = "../../modules/location"
  providers = { aws = aws.paris }

  name          = "paris"
  prefix        = local.prefix
  fleet         = local.fleet
  place         = var.locations["paris"]
  jobs          = module.queues.jobs_of["paris"]
  shadow        = module.queues.shadow_of["paris"]
  log_group     = module.observability_paris.logs["paris"]
  alarm_actions = [module.observability_paris.topic_arn]
}

provider "aws" {
  alias  = "virginia"
  region = local.regions.virginia
  default_tags { tags = local.tags }
}

module "observability_virginia" {
  source    = "../../modules/observability"
  providers = { aws = aws.virginia }

  prefix     = local.prefix
  log_groups = ["virginia"]
  told       = var.told
  dashboard  = { virginia = local.classes }
}

module "virginia" {
  source    = "../../modules/location"
  providers = { aws = aws.virginia }

  name          = "virginia"
  prefix        = local.prefix
  fleet         = local.fleet
  place         = var.locations["virginia"]
  jobs          = module.queues.jobs_of["virginia"]
  shadow        = module.queues.shadow_of["virginia"]
  log_group     = module.observability_virginia.logs["virginia"]
  alarm_actions = [module.observability_virginia.topic_arn]
}
