# The workers of a class at a location as an ECS service: the smaller brother of
# terraform/modules/location, without instances of its own. What holds there
# holds here: the deployer moves releases, the scheduler says how many workers
# are wanted, a task that ends has drained.

data "aws_region" "here" {}

locals {
  name = "${var.prefix}-workers-${var.name}-${var.class}"
  environment = merge({
    AWS_REGION               = var.queue_region
    PROBEFLEET_ADMIN         = "0.0.0.0:9102"
    PROBEFLEET_LOCATION      = var.name
    PROBEFLEET_QUEUE_PREFIX  = var.prefix
    PROBEFLEET_API_SLOTS     = tostring(var.class == "api" ? var.slots : 0)
    PROBEFLEET_BROWSER_SLOTS = tostring(var.class == "browser" ? var.slots : 0)
    PROBEFLEET_DRAIN         = "90s"
  }, var.artifacts == null ? {} : { PROBEFLEET_ARTIFACTS = var.artifacts.url }, var.environment)
}

# What the workers of an instance may; image and log are the affair of what
# starts the task.
module "rights" {
  source = "../terraform/modules/rights"

  jobs              = [var.jobs]
  results           = var.results
  queue_kms_key_arn = var.queue_kms_key_arn
  artifacts         = var.artifacts
}

resource "aws_iam_role" "worker" {
  name_prefix = substr("${local.name}-", 0, 38)
  description = "A ${var.class} worker of ${var.name}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = module.rights.policy
}

resource "aws_ecs_task_definition" "worker" {
  family                   = local.name
  requires_compatibilities = [var.capacity_provider == null ? "FARGATE" : "EC2"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = aws_iam_role.worker.arn

  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    # The most that ECS gives on Fargate; a drain takes 90 s at most.
    stopTimeout           = 120
    dockerSecurityOptions = var.capacity_provider == null ? null : ["no-new-privileges"]
    # Fargate has neither tmpfs nor shared memory of a size; an API worker writes
    # nothing.
    linuxParameters = merge(
      { capabilities = { drop = ["ALL"] } },
      var.capacity_provider == null ? null : {
        sharedMemorySize = 256
        tmpfs            = [{ containerPath = "/tmp", size = 512, mountOptions = ["rw", "nosuid", "nodev"] }]
      },
    )
    environment = [for k, v in local.environment : { name = k, value = v }]
    healthCheck = { command = ["CMD", "worker", "health"], interval = 10, timeout = 5, retries = 3, startPeriod = 60 }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.log_group
        "awslogs-region"        = data.aws_region.here.region
        "awslogs-stream-prefix" = "worker"
      }
    }
  }])

  tags = merge(var.tags, { "probefleet:release" = var.release })

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = var.class == "api" || var.capacity_provider != null
      error_message = "Browser checks run strangers' pages: they need Chromium's sandbox, which Fargate does not allow. Name a capacity provider of instances."
    }
  }
}

resource "aws_ecs_service" "worker" {
  name                               = local.name
  cluster                            = var.cluster
  task_definition                    = aws_ecs_task_definition.worker.arn
  desired_count                      = var.tasks.min
  launch_type                        = var.capacity_provider == null ? "FARGATE" : null
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity_provider == null ? [] : [var.capacity_provider]
    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = var.security_group_ids
  }

  tags = var.tags

  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
}

resource "aws_appautoscaling_target" "worker" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster}/${aws_ecs_service.worker.name}"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

module "following" {
  source = "../terraform/modules/following"

  name              = local.name
  description       = "More ${var.class} workers are wanted in ${var.name} than were asked for; the service adds them. At its most it cannot: then raise tasks.max."
  classes           = { (var.class) = { Fleet = var.prefix, Location = var.name, Class = var.class } }
  asked             = { namespace = "ECS/ContainerInsights", name = "DesiredTaskCount", dimensions = { ClusterName = var.cluster, ServiceName = local.name } }
  adds              = aws_appautoscaling_policy.out.arn
  metrics_namespace = var.metrics_namespace
  tags              = var.tags
}

resource "aws_appautoscaling_policy" "follow" {
  name               = "${local.name}-follow"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.worker.service_namespace
  scalable_dimension = aws_appautoscaling_target.worker.scalable_dimension
  resource_id        = aws_appautoscaling_target.worker.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 1
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    customized_metric_specification {
      dynamic "metrics" {
        for_each = module.following.metrics
        content {
          id          = metrics.value.id
          label       = metrics.value.label
          expression  = metrics.value.expression
          return_data = metrics.value.expression != null
          dynamic "metric_stat" {
            for_each = metrics.value.stats
            content {
              stat = metric_stat.value.stat
              metric {
                namespace   = metric_stat.value.namespace
                metric_name = metric_stat.value.name
                dynamic "dimensions" {
                  for_each = metric_stat.value.dimensions
                  content {
                    name  = dimensions.key
                    value = dimensions.value
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

# Out at once, beside target tracking, which takes its time.
resource "aws_appautoscaling_policy" "out" {
  name               = "${local.name}-out"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.worker.service_namespace
  scalable_dimension = aws_appautoscaling_target.worker.scalable_dimension
  resource_id        = aws_appautoscaling_target.worker.resource_id

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    min_adjustment_magnitude = 1
    metric_aggregation_type  = "Maximum"
    cooldown                 = 60

    dynamic "step_adjustment" {
      for_each = module.following.steps
      content {
        metric_interval_lower_bound = step_adjustment.key
        metric_interval_upper_bound = step_adjustment.value[0]
        scaling_adjustment          = step_adjustment.value[1]
      }
    }
  }
}

output "role_arn" {
  description = "ARN of the tasks' role, for the policies of keys and buckets elsewhere."
  value       = aws_iam_role.worker.arn
}

output "service" {
  description = "Name of the service, for the deployer's file."
  value       = aws_ecs_service.worker.name
}
