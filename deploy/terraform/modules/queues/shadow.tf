# Copies of jobs for candidate workers, and what those find (docs/shadow-runs.md).
# What nobody runs must not pile up, and nothing in here counts: a copy is kept
# for an hour, and no alarm looks.

variable "shadow" {
  description = "Queues of jobs that are copied for candidate workers, as LOCATION/CLASS: each gets a queue of copies, and all together get one of what candidates find."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.shadow, flatten([for location, classes in var.locations : [for class in classes : "${location}/${class}"]]))) == 0
    error_message = "Name queues of jobs that there are, as LOCATION/CLASS, such as paris/api."
  }
}

locals {
  copies = merge(
    { for key in var.shadow : key => { name = "${local.jobs[key].name}-shadow", kept = 3600 } },
    length(var.shadow) == 0 ? {} : { results = { name = "${local.queues.results}-shadow", kept = 345600 } },
  )
}

resource "aws_sqs_queue" "copies_dead" {
  for_each = local.copies

  name                              = "${each.value.name}-dlq"
  message_retention_seconds         = 1209600
  max_message_size                  = 1048576
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  tags                              = var.tags
}

resource "aws_sqs_queue" "copies" {
  for_each = local.copies

  name                              = each.value.name
  visibility_timeout_seconds        = 30
  message_retention_seconds         = each.value.kept
  max_message_size                  = 1048576
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.copies_dead[each.key].arn
    maxReceiveCount     = 5
  })
  tags = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "copies_dead" {
  for_each = local.copies

  queue_url = aws_sqs_queue.copies_dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.copies[each.key].arn]
  })
}

resource "aws_sqs_queue_policy" "copies_tls" {
  for_each = merge(
    { for key, q in aws_sqs_queue.copies : key => q },
    { for key, q in aws_sqs_queue.copies_dead : "${key} dead" => q },
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

output "shadow" {
  description = "ARNs of the queues of copies, of what candidates find, and of the copies that are dead; null where nothing is copied."
  value = length(var.shadow) == 0 ? null : {
    jobs    = [for key in sort(tolist(var.shadow)) : aws_sqs_queue.copies[key].arn]
    results = aws_sqs_queue.copies["results"].arn
    dead    = [for key in sort(tolist(var.shadow)) : aws_sqs_queue.copies_dead[key].arn]
  }
}

output "shadow_of" {
  description = "The same by location, for the rights of its workers; null where none of its jobs are copied."
  value = { for location, classes in var.locations : location => (
    length(setintersection(var.shadow, [for class in classes : "${location}/${class}"])) == 0 ? null : {
      jobs    = [for class in classes : aws_sqs_queue.copies["${location}/${class}"].arn if contains(var.shadow, "${location}/${class}")]
      results = aws_sqs_queue.copies["results"].arn
    }
  ) }
}
