# The scheduler publishes how many workers each class of this location wants;
# docs/scaling.md says how it counts. It already holds a falling number for five
# minutes. What is left to do here is to follow it: out at once by steps, in
# slowly by target tracking.

locals {
  dimensions = { for class in local.classes : class => { Fleet = var.prefix, Location = var.name, Class = class } }
  # A container serves all classes, so the one that wants most decides. The
  # divisor is what was asked for, not what is in service: else every look at
  # booting instances would ask for more.
  most   = length(local.classes) == 1 ? local.classes[0] : "MAX([${join(", ", local.classes)}])"
  filled = "${local.most} / (asked * ${var.units})"
}

resource "aws_autoscaling_policy" "follow" {
  name                   = "${local.name}-follow"
  autoscaling_group_name = aws_autoscaling_group.worker.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 1

    customized_metric_specification {
      metrics {
        id          = "filled"
        label       = "workers wanted for each that was asked for"
        expression  = local.filled
        return_data = true
      }
      dynamic "metrics" {
        for_each = local.dimensions
        content {
          id          = metrics.key
          return_data = false
          metric_stat {
            stat = "Maximum"
            metric {
              namespace   = var.metrics_namespace
              metric_name = "WantedWorkers"
              dynamic "dimensions" {
                for_each = metrics.value
                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }
      metrics {
        id          = "asked"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/AutoScaling"
            metric_name = "GroupDesiredCapacity"
            dimensions {
              name  = "AutoScalingGroupName"
              value = aws_autoscaling_group.worker.name
            }
          }
        }
      }
    }
  }
}

# Target tracking waits for several minutes before it adds anything; checks do
# not. One minute that lacks a twentieth is enough, and what is added is at
# least what is lacking.
resource "aws_autoscaling_policy" "out" {
  name                      = "${local.name}-out"
  autoscaling_group_name    = aws_autoscaling_group.worker.name
  policy_type               = "StepScaling"
  adjustment_type           = "PercentChangeInCapacity"
  min_adjustment_magnitude  = 1
  metric_aggregation_type   = "Maximum"
  estimated_instance_warmup = 120

  # Bounds count from the alarm's threshold of 5 %.
  dynamic "step_adjustment" {
    for_each = { 0 = [5, 10], 5 = [20, 25], 20 = [45, 50], 45 = [95, 100], 95 = [195, 200], 195 = [395, 400], 395 = [null, 900] }
    content {
      metric_interval_lower_bound = step_adjustment.key
      metric_interval_upper_bound = step_adjustment.value[0]
      scaling_adjustment          = step_adjustment.value[1]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lacking" {
  alarm_name          = "${local.name}-lacking"
  alarm_description   = "More workers are wanted in ${var.name} than were asked for; the group adds them. At its most it cannot: then raise instances.max."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  # Not to know is no reason to change anything.
  treat_missing_data = "missing"
  alarm_actions      = [aws_autoscaling_policy.out.arn]
  tags               = var.tags

  metric_query {
    id          = "lacking"
    label       = "% lacking"
    expression  = "100 * (${local.filled} - 1)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = local.dimensions
    content {
      id = metric_query.key
      metric {
        namespace   = var.metrics_namespace
        metric_name = "WantedWorkers"
        dimensions  = metric_query.value
        period      = 60
        stat        = "Maximum"
      }
    }
  }
  metric_query {
    id = "asked"
    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupDesiredCapacity"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.worker.name }
      period      = 60
      stat        = "Average"
    }
  }
}
