# The scheduler publishes how many workers each class of this location wants;
# docs/scaling.md says how it counts. It already holds a falling number, for five
# minutes where it was needed. What is left to do here is to follow it: out at
# once by steps, in slowly by target tracking.

locals {
  dimensions = { for class in local.classes : class => { Fleet = var.prefix, Location = var.name, Class = class } }
}

module "following" {
  source = "../following"

  name              = local.name
  description       = "More workers are wanted in ${var.name} than were asked for; the group adds them. At its most it cannot: then raise instances.max."
  classes           = local.dimensions
  units             = var.units
  asked             = { namespace = "AWS/AutoScaling", name = "GroupDesiredCapacity", dimensions = { AutoScalingGroupName = aws_autoscaling_group.worker.name } }
  adds              = aws_autoscaling_policy.out.arn
  metrics_namespace = var.metrics_namespace
  tags              = var.tags
}

resource "aws_autoscaling_policy" "follow" {
  name                   = "${local.name}-follow"
  autoscaling_group_name = aws_autoscaling_group.worker.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 1

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

resource "aws_autoscaling_policy" "out" {
  name                      = "${local.name}-out"
  autoscaling_group_name    = aws_autoscaling_group.worker.name
  policy_type               = "StepScaling"
  adjustment_type           = "PercentChangeInCapacity"
  min_adjustment_magnitude  = 1
  metric_aggregation_type   = "Maximum"
  estimated_instance_warmup = 120

  dynamic "step_adjustment" {
    for_each = module.following.steps
    content {
      metric_interval_lower_bound = step_adjustment.key
      metric_interval_upper_bound = step_adjustment.value[0]
      scaling_adjustment          = step_adjustment.value[1]
    }
  }
}
