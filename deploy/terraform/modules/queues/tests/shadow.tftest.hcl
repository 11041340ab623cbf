mock_provider "aws" {}

variables {
  locations = { paris = ["api", "browser"], tokyo = ["api"] }
}

run "nothing_is_copied_unless_asked_for" {
  assert {
    condition     = length(aws_sqs_queue.copies) == 0 && length(aws_sqs_queue.copies_dead) == 0 && output.shadow == null && alltrue([for s in values(output.shadow_of) : s == null])
    error_message = "queues of copies: ${jsonencode(output.shadow)}"
  }
}

run "a_queue_of_copies_and_one_of_what_candidates_find" {
  variables {
    shadow = ["paris/api", "tokyo/api"]
  }
  assert {
    condition = toset([for q in aws_sqs_queue.copies : q.name]) == toset([
      "probefleet-jobs-paris-api-shadow", "probefleet-jobs-tokyo-api-shadow", "probefleet-results-shadow",
    ])
    error_message = "queues: ${jsonencode([for q in aws_sqs_queue.copies : q.name])}"
  }
  assert {
    condition     = alltrue([for key, q in aws_sqs_queue.copies : q.message_retention_seconds == (key == "results" ? 345600 : 3600)])
    error_message = "copies that nobody runs pile up"
  }
  assert {
    condition     = alltrue([for key, q in aws_sqs_queue.copies : aws_sqs_queue.copies_dead[key].name == "${q.name}-dlq" && jsondecode(q.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.copies_dead[key].arn, maxReceiveCount = 5 }])
    error_message = "a queue of copies without its dead-letter queue"
  }
  assert {
    condition     = alltrue([for q in concat(values(aws_sqs_queue.copies), values(aws_sqs_queue.copies_dead)) : q.sqs_managed_sse_enabled]) && length(aws_sqs_queue_policy.copies_tls) == 6
    error_message = "a queue of copies in clear"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.age) == 4 && length(aws_cloudwatch_metric_alarm.dead) == 4
    error_message = "an alarm on what counts nowhere"
  }
  assert {
    condition     = output.shadow.jobs == [aws_sqs_queue.copies["paris/api"].arn, aws_sqs_queue.copies["tokyo/api"].arn] && output.shadow.results == aws_sqs_queue.copies["results"].arn && length(output.shadow.dead) == 2
    error_message = "told: ${jsonencode(output.shadow)}"
  }
  assert {
    condition     = output.shadow_of.paris.jobs == [aws_sqs_queue.copies["paris/api"].arn] && output.shadow_of.tokyo.results == aws_sqs_queue.copies["results"].arn
    error_message = "told of locations: ${jsonencode(output.shadow_of)}"
  }
}

run "a_queue_that_is_none_is_refused" {
  command = plan
  variables {
    shadow = ["paris/api", "tokyo/browser"]
  }
  expect_failures = [var.shadow]
}
