# The queues of one installation, all in one region: every command speaks to
# SQS in a single region, its own AWS_REGION. A queue has a dead-letter queue of
# its name with -dlq; what is set here is what `-create-queues` would set.

locals {
  jobs = merge([
    for location, classes in var.locations : {
      for class in classes : "${location}/${class}" => {
        location = location
        class    = class
        name     = "${var.prefix}-jobs-${location}-${class}"
      }
    }
  ]...)
  queues = merge({ for key, q in local.jobs : key => q.name }, { results = "${var.prefix}-results" })
}

resource "aws_sqs_queue" "dead" {
  for_each = local.queues

  name = "${each.value}-dlq"
  # A message's age counts from its first sending, so that it has to live longer
  # here than in its queue.
  message_retention_seconds         = 1209600
  max_message_size                  = 1048576
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  tags                              = var.tags
}

resource "aws_sqs_queue" "queue" {
  for_each = local.queues

  name = each.value
  # Short, as an answer that is lost on its way hides its messages for as long;
  # whoever works on one extends it.
  visibility_timeout_seconds        = 30
  message_retention_seconds         = 345600
  max_message_size                  = 1048576
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = 5
  })
  tags = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = local.queues

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.queue[each.key].arn]
  })
}

# Who may use a queue is said by the roles of the commands; a queue itself only
# refuses what is not encrypted on its way.
resource "aws_sqs_queue_policy" "tls" {
  for_each = merge(
    { for key, q in aws_sqs_queue.queue : key => q },
    { for key, q in aws_sqs_queue.dead : "${key} dead" => q },
  )

  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedOnItsWay"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = each.value.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
