# Nothing waits for longer than it may: the oldest message is older than twice
# the allowed wait in two of three minutes.
resource "aws_cloudwatch_metric_alarm" "age" {
  for_each = local.queues

  alarm_name          = "${each.value}-age"
  alarm_description   = "Messages of ${each.value} wait for longer than twice ${var.allowed_wait} s. Too few workers, or none that get on: docs/operations.md, Scaling."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 2 * var.allowed_wait
  # A queue without messages has no age.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_actions
  ok_actions         = var.alarm_actions
  tags               = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each = local.queues

  alarm_name          = "${each.value}-dlq-not-empty"
  alarm_description   = "Dead letters of ${each.value}: each is a run that nobody counted. docs/operations.md, Dead letters."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = "${each.value}-dlq" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# Coverage by the queue's own counts: of what was sent, how much is done. It
# needs nothing of ours to be alive. Without anything sent there is no per cent,
# and that is alarming in itself: the scheduler, or its way here, is away.
resource "aws_cloudwatch_metric_alarm" "coverage" {
  for_each = local.jobs

  alarm_name          = "${each.value.name}-coverage"
  alarm_description   = "Less than ${var.least_coverage} % of the ${each.value.class} jobs that were sent to ${each.value.location} in 15 minutes are done, or none were sent. docs/operations.md, Losing a region."
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = var.least_coverage
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "coverage"
    label       = "done, % of sent"
    expression  = "IF(sent > 0, 100 * done / sent)"
    return_data = true
  }
  metric_query {
    id = "sent"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesSent"
      dimensions  = { QueueName = each.value.name }
      period      = 900
      stat        = "Sum"
    }
  }
  metric_query {
    id = "done"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesDeleted"
      dimensions  = { QueueName = each.value.name }
      period      = 900
      stat        = "Sum"
    }
  }
}
