# Each service has as many tasks as it should: none that comes up and dies.
resource "aws_cloudwatch_metric_alarm" "tasks" {
  for_each = local.admin

  alarm_name          = "${var.prefix}-${each.key}-tasks"
  alarm_description   = "Fewer than ${var.sizes[each.key].count} tasks of ${each.key} run. Look at the log group ${var.log_group.name}."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.home.name, ServiceName = each.key }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 4
  comparison_operator = "LessThanThreshold"
  threshold           = var.sizes[each.key].count
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# What else the home needs, and what a reader of the status page sees. Silence is
# as bad as the worst value.
locals {
  database = { DBInstanceIdentifier = aws_db_instance.database.identifier }
  watched = {
    database-storage = {
      says = "Less than 10 GiB are free on the database's disk, although it grows by itself: it has reached most_storage."
      of   = { namespace = "AWS/RDS", name = "FreeStorageSpace", dimensions = local.database, stat = "Minimum", period = 300 }
      less = true, than = 10 * 1024 * 1024 * 1024, looks = 2, bad = 2
    }
    database-cpu = {
      says = "The database has been busy for a quarter of an hour; results will wait in their queue."
      of   = { namespace = "AWS/RDS", name = "CPUUtilization", dimensions = local.database, stat = "Average", period = 300 }
      less = false, than = 85, looks = 3, bad = 3
    }
    status-page = {
      says = "No task of the status page is healthy for the load balancer: readers get an error."
      of = {
        namespace  = "AWS/ApplicationELB", name = "HealthyHostCount", stat = "Minimum", period = 60
        dimensions = { LoadBalancer = aws_lb.home.arn_suffix, TargetGroup = aws_lb_target_group.service["dashboard"].arn_suffix }
      }
      less = true, than = 1, looks = 3, bad = 2
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "watched" {
  for_each = local.watched

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.of.namespace
  metric_name         = each.value.of.name
  dimensions          = each.value.of.dimensions
  statistic           = each.value.of.stat
  period              = each.value.of.period
  evaluation_periods  = each.value.looks
  datapoints_to_alarm = each.value.bad
  comparison_operator = each.value.less ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.than
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
