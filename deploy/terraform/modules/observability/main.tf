# What one region needs to be seen: logs, a topic for its alarms, and a picture.
# Metrics of the commands are Prometheus's affair; here is what has to work while
# Prometheus does not.

data "aws_caller_identity" "us" {}
data "aws_region" "here" {}

locals {
  administration = {
    Sid       = "Administration"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.us.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }
}

resource "aws_kms_key" "seen" {
  description             = "Logs and alarms of ${var.prefix} in ${data.aws_region.here.region}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [local.administration,
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${data.aws_region.here.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${data.aws_region.here.region}:${data.aws_caller_identity.us.account_id}:log-group:/${var.prefix}/*" } }
      },
      {
        # An alarm cannot speak to a topic whose key it may not use.
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
    ]
  })
  tags = var.tags
}

resource "aws_cloudwatch_log_group" "logs" {
  for_each = var.log_groups

  name              = "/${var.prefix}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.seen.arn
  tags              = var.tags
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.prefix}-alarms"
  kms_master_key_id = aws_kms_key.seen.arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.us.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "told" {
  for_each = var.told

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = startswith(each.key, "https://") ? "https" : "email"
  endpoint  = each.key
}

locals {
  rows = flatten([for location, classes in var.dashboard : [for class in classes : { location = location, class = class }]])
  of   = { for r in local.rows : "${r.location}/${r.class}" => ["Fleet", var.prefix, "Location", r.location, "Class", r.class] }
}

resource "aws_cloudwatch_dashboard" "fleet" {
  count = length(var.dashboard) == 0 ? 0 : 1

  dashboard_name = "${var.prefix}-fleet"
  dashboard_body = jsonencode({
    widgets = flatten([for i, r in local.rows : [
      {
        type = "metric", x = 0, y = 6 * i, width = 8, height = 6
        properties = {
          title = "${r.location} ${r.class}: workers", region = data.aws_region.here.region, period = 60, stat = "Maximum"
          metrics = [
            concat([var.metrics_namespace, "WantedWorkers"], local.of["${r.location}/${r.class}"]),
            concat([var.metrics_namespace, "LiveWorkers"], local.of["${r.location}/${r.class}"]),
          ]
        }
      },
      {
        type = "metric", x = 8, y = 6 * i, width = 8, height = 6
        properties = {
          title = "${r.location} ${r.class}: waiting, and for how long", region = data.aws_region.here.region, period = 60, stat = "Maximum"
          metrics = [
            concat([var.metrics_namespace, "QueueDepth"], local.of["${r.location}/${r.class}"]),
            concat([var.metrics_namespace, "QueueAge"], local.of["${r.location}/${r.class}"], [{ yAxis = "right" }]),
          ]
        }
      },
      {
        type = "metric", x = 16, y = 6 * i, width = 8, height = 6
        properties = {
          title = "${r.location} ${r.class}: seconds of a run", region = data.aws_region.here.region, period = 60, stat = "Average"
          metrics = [
            concat([var.metrics_namespace, "ServiceTime"], local.of["${r.location}/${r.class}"]),
          ]
        }
      },
    ]])
  })
}
