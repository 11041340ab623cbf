# Staging: all of production once, smaller: the home and one location in the same
# region. A release bakes here before it is promoted.

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
  prefix = "probefleet-stg"
  tags   = { Project = "probefleet", Stage = "staging" }

  regions = { frankfurt = "eu-central-1" }
  classes = ["api", "browser"]

  # One number, of which the alarms, the scheduler and the workers' number all speak.
  allowed_wait = 30
}

provider "aws" {
  region = local.regions.frankfurt
  default_tags { tags = local.tags }
}

module "queues" {
  source = "../../modules/queues"

  prefix        = local.prefix
  locations     = { for name in keys(local.regions) : name => local.classes }
  allowed_wait  = local.allowed_wait
  shadow        = keys(var.shadow)
  alarm_actions = [module.observability_frankfurt.topic_arn]
}

module "artifacts" {
  source = "../../modules/artifacts"

  bucket  = var.artifacts_bucket
  days    = 14
  writers = [module.frankfurt.role_arn]
  readers = [module.home.console_role_arn]
}

module "home" {
  source = "../../modules/home"

  prefix         = local.prefix
  image          = var.control_image
  release        = var.release
  network        = var.home_network
  zone_id        = var.zone_id
  status_host    = var.status_host
  console_host   = var.console_host
  console_from   = var.console_from
  database_urls  = var.database_urls
  secrets        = var.secrets
  repository_arn = var.control_repository_arn
  queues = {
    jobs        = [for q in module.queues.jobs : q.arn]
    results     = module.queues.results.arn
    dead        = module.queues.dead_arns
    kms_key_arn = module.queues.kms_key_arn
    shadow      = module.queues.shadow
  }
  shadow        = var.shadow
  artifacts     = module.artifacts.store
  database      = { instance_class = "db.t4g.medium", storage = 20, most_storage = 100, backup_days = 7, multi_az = false }
  sizes         = { for name in ["scheduler", "recorder", "console", "dashboard"] : name => { cpu = 256, memory = 512, count = 1 } }
  capacity      = { wait = local.allowed_wait, busy = 0.65, regions = local.regions }
  log_group     = module.observability_frankfurt.logs["home"]
  alarm_actions = [module.observability_frankfurt.topic_arn]
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

  name               = "frankfurt"
  instance_type      = "m7i.large"
  units              = 2
  prefix             = local.prefix
  image              = var.worker_image
  release            = var.release
  ami                = var.locations["frankfurt"].ami
  vpc_id             = var.locations["frankfurt"].vpc_id
  subnet_ids         = var.locations["frankfurt"].subnet_ids
  instances          = var.locations["frankfurt"].instances
  repository_arn     = var.locations["frankfurt"].repository_arn
  seccomp_profile    = file(var.seccomp_profile_file)
  worker_environment = { PROBEFLEET_CANARIES = var.canaries }
  queue_region       = local.regions.frankfurt
  jobs               = module.queues.jobs_of["frankfurt"]
  shadow             = module.queues.shadow_of["frankfurt"]
  results            = module.queues.results.arn
  queue_kms_key_arn  = module.queues.kms_key_arn
  artifacts          = module.artifacts.store
  log_group          = module.observability_frankfurt.logs["frankfurt"]
  alarm_actions      = [module.observability_frankfurt.topic_arn]
}
