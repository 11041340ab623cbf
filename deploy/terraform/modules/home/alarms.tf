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

resource "aws_cloudwatch_metric_alarm" "database_storage" {
  alarm_name          = "${var.prefix}-database-storage"
  alarm_description   = "Less than 10 GiB are free on the database's disk, although it grows by itself: it has reached most_storage."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.database.identifier }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 10 * 1024 * 1024 * 1024
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "database_cpu" {
  alarm_name          = "${var.prefix}-database-cpu"
  alarm_description   = "The database has been busy for a quarter of an hour; results will wait in their queue."
  namespace           = "AWS/RDS"
  metric_name         = "CPUUtilization"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.database.identifier }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 85
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# What a reader of the status page sees.
resource "aws_cloudwatch_metric_alarm" "status_page" {
  alarm_name          = "${var.prefix}-status-page"
  alarm_description   = "No task of the status page is healthy for the load balancer: readers get an error."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.home.arn_suffix, TargetGroup = aws_lb_target_group.service["dashboard"].arn_suffix }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
