# How whatever runs workers follows the number that the scheduler publishes
# (docs/scaling.md): what is measured, by which steps capacity is added, and the
# alarm that asks for it. The policies themselves are of other types for groups
# and for services, so that they are made by who uses this module.

locals {
  # Workers serve all of the classes, so the one that wants most decides. The
  # divisor is what was asked for, not what is in service: else every look at
  # what still boots would ask for more.
  most   = length(var.classes) == 1 ? keys(var.classes)[0] : "MAX([${join(", ", keys(var.classes))}])"
  filled = "${local.most} / ${var.units == 1 ? "asked" : "(asked * ${var.units})"}"

  stats = merge(
    { for class, dimensions in var.classes : class => {
      namespace = var.metrics_namespace, name = "WantedWorkers", dimensions = dimensions, stat = "Maximum"
    } },
    { asked = merge(var.asked, { stat = "Average" }) },
  )
}

# Target tracking waits for several minutes before it adds anything; checks do
# not. One minute that lacks a twentieth is enough.
resource "aws_cloudwatch_metric_alarm" "lacking" {
  alarm_name          = "${var.name}-lacking"
  alarm_description   = var.description
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  # Not to know is no reason to change anything.
  treat_missing_data = "missing"
  alarm_actions      = [var.adds]
  tags               = var.tags

  metric_query {
    id          = "lacking"
    label       = "% lacking"
    expression  = "100 * (${local.filled} - 1)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = local.stats
    content {
      id = metric_query.key
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        period      = 60
        stat        = metric_query.value.stat
      }
    }
  }
}
