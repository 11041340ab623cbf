# Production: the home in Frankfurt, and a location in each of three regions.
# What is particular to your organisation comes by variables; docs/terraform.md
# goes through them. A location more is a provider, an observability and a
# location: copy those of one that is there.

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
  prefix = "probefleet"
  tags   = { Project = "probefleet", Stage = "production" }

  regions = { frankfurt = "eu-central-1", paris = "eu-west-3", virginia = "us-east-1" }
  classes = ["api", "browser"]

  # One number, of which the alarms, the scheduler and the workers' number all speak.
  allowed_wait = 30
}

provider "aws" {
  region = local.regions.frankfurt
  default_tags { tags = local.tags }
}

provider "aws" {
  alias  = "paris"
  region = local.regions.paris
  default_tags { tags = local.tags }
}

provider "aws" {
  alias  = "virginia"
  region = local.regions.virginia
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
  days    = 30
  writers = [module.frankfurt.role_arn, module.paris.role_arn, module.virginia.role_arn]
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

module "observability_paris" {
  source    = "../../modules/observability"
  providers = { aws = aws.paris }

  prefix     = local.prefix
  log_groups = ["paris"]
  told       = var.told
  dashboard  = { paris = local.classes }
}

module "observability_virginia" {
  source    = "../../modules/observability"
  providers = { aws = aws.virginia }

  prefix     = local.prefix
  log_groups = ["virginia"]
  told       = var.told
  dashboard  = { virginia = local.classes }
}

module "frankfurt" {
  source = "../../modules/location"

  name               = "frankfurt"
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

module "paris" {
  source    = "../../modules/location"
  providers = { aws = aws.paris }

  name               = "paris"
  prefix             = local.prefix
  image              = var.worker_image
  release            = var.release
  ami                = var.locations["paris"].ami
  vpc_id             = var.locations["paris"].vpc_id
  subnet_ids         = var.locations["paris"].subnet_ids
  instances          = var.locations["paris"].instances
  repository_arn     = var.locations["paris"].repository_arn
  seccomp_profile    = file(var.seccomp_profile_file)
  worker_environment = { PROBEFLEET_CANARIES = var.canaries }
  queue_region       = local.regions.frankfurt
  jobs               = module.queues.jobs_of["paris"]
  shadow             = module.queues.shadow_of["paris"]
  results            = module.queues.results.arn
  queue_kms_key_arn  = module.queues.kms_key_arn
  artifacts          = module.artifacts.store
  log_group          = module.observability_paris.logs["paris"]
  alarm_actions      = [module.observability_paris.topic_arn]
}

module "virginia" {
  source    = "../../modules/location"
  providers = { aws = aws.virginia }

  name               = "virginia"
  prefix             = local.prefix
  image              = var.worker_image
  release            = var.release
  ami                = var.locations["virginia"].ami
  vpc_id             = var.locations["virginia"].vpc_id
  subnet_ids         = var.locations["virginia"].subnet_ids
  instances          = var.locations["virginia"].instances
  repository_arn     = var.locations["virginia"].repository_arn
  seccomp_profile    = file(var.seccomp_profile_file)
  worker_environment = { PROBEFLEET_CANARIES = var.canaries }
  queue_region       = local.regions.frankfurt
  jobs               = module.queues.jobs_of["virginia"]
  shadow             = module.queues.shadow_of["virginia"]
  results            = module.queues.results.arn
  queue_kms_key_arn  = module.queues.kms_key_arn
  artifacts          = module.artifacts.store
  log_group          = module.observability_virginia.logs["virginia"]
  alarm_actions      = [module.observability_virginia.topic_arn]
}
