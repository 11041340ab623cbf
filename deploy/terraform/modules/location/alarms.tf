# Instances are there, and what should run on them does not: workers that are
# alive announce themselves, the scheduler counts them.
resource "aws_cloudwatch_metric_alarm" "workers" {
  for_each = local.dimensions

  alarm_name          = "${local.name}-${each.key}-workers"
  alarm_description   = "Of the ${each.key} workers on the instances of ${var.name} that are in service, less than 80 % are alive. Look at the log group ${var.log_group.name}."
  evaluation_periods  = 5
  datapoints_to_alarm = 4
  comparison_operator = "LessThanThreshold"
  threshold           = 80
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "alive"
    label       = "alive, % of what should be"
    expression  = "100 * workers / (instances * ${var.units})"
    return_data = true
  }
  metric_query {
    id = "workers"
    metric {
      namespace   = var.metrics_namespace
      metric_name = "LiveWorkers"
      dimensions  = each.value
      period      = 60
      stat        = "Minimum"
    }
  }
  metric_query {
    id = "instances"
    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupInServiceInstances"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.worker.name }
      period      = 60
      stat        = "Minimum"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "instances" {
  alarm_name          = "${local.name}-instances"
  alarm_description   = "Fewer instances than ${var.place.instances.min} are in service in ${var.name}. Instances that never get ready are ended again: their logs say why."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupInServiceInstances"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.worker.name }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 4
  comparison_operator = "LessThanThreshold"
  threshold           = var.place.instances.min
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# At the most that is allowed, and it is not enough.
resource "aws_cloudwatch_metric_alarm" "most" {
  alarm_name          = "${local.name}-at-its-most"
  alarm_description   = "All ${var.place.instances.max} instances that ${var.name} may have were asked for, for a quarter of an hour. Raise instances.max, or find what makes checks slow."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupDesiredCapacity"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.worker.name }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = max(var.place.instances.max, 2)
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
