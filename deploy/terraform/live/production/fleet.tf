# What every stage has: queues, artifacts and the home, and what is the same at
# every location. main.tf says what is particular to a stage: its name, its
# sizes and its locations. Staging takes this file, the
# variables and the outputs from production, so that nothing comes to production
# that was not in staging.

locals {
  tags    = { Project = "probefleet", Stage = local.stage }
  classes = ["api", "browser"]

  # One number, of which the alarms, the scheduler and the workers' number all speak.
  allowed_wait = 30

  fleet = {
    control_image      = var.control_image
    worker_image       = var.worker_image
    release            = var.release
    repository_arns    = [for arn in [var.control_repository_arn, var.worker_repository_arn] : arn if arn != null]
    worker_environment = { PROBEFLEET_CANARIES = var.canaries }
    queue_region       = local.regions[local.home]
    results            = module.queues.results.arn
    queue_kms_key_arn  = module.queues.kms_key_arn
    artifacts          = module.artifacts.store
  }
}

module "queues" {
  source = "../../modules/queues"

  prefix        = local.prefix
  locations     = { for name in keys(local.regions) : name => local.classes }
  allowed_wait  = local.allowed_wait
  shadow        = keys(var.shadow)
  alarm_actions = [local.home_observability.topic_arn]
}

module "artifacts" {
  source = "../../modules/artifacts"

  bucket  = var.artifacts_bucket
  days    = local.artifact_days
  writers = local.writers
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
  database      = local.database
  sizes         = local.sizes
  capacity      = { wait = local.allowed_wait, busy = 0.65, regions = local.regions }
  log_group     = local.home_observability.logs["home"]
  alarm_actions = [local.home_observability.topic_arn]
}
