mock_provider "aws" {}

variables {
  locations = { paris = ["api", "browser"], tokyo = ["api"] }
}

run "a_queue_for_each_class_and_one_for_results" {
  assert {
    condition = toset([for q in aws_sqs_queue.queue : q.name]) == toset([
      "probefleet-jobs-paris-api", "probefleet-jobs-paris-browser", "probefleet-jobs-tokyo-api", "probefleet-results",
    ])
    error_message = "queues: ${jsonencode([for q in aws_sqs_queue.queue : q.name])}"
  }
  assert {
    condition     = alltrue([for key, q in aws_sqs_queue.queue : aws_sqs_queue.dead[key].name == "${q.name}-dlq"])
    error_message = "a queue without its dead-letter queue"
  }
  assert {
    condition     = alltrue([for key, q in aws_sqs_queue.queue : jsondecode(q.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.dead[key].arn, maxReceiveCount = 5 }])
    error_message = "a redrive policy leads elsewhere"
  }
  assert {
    condition     = alltrue([for key, p in aws_sqs_queue_redrive_allow_policy.dead : jsondecode(p.redrive_allow_policy).sourceQueueArns == [aws_sqs_queue.queue[key].arn]])
    error_message = "dead letters of another queue are let in"
  }
  assert {
    condition     = alltrue([for q in aws_sqs_queue.dead : q.message_retention_seconds == 1209600]) && alltrue([for q in aws_sqs_queue.queue : q.visibility_timeout_seconds == 30 && q.message_retention_seconds == 345600])
    error_message = "times that are not those of sqsqueue.Settings"
  }
}

run "encrypted_at_rest_and_on_the_way" {
  assert {
    condition     = alltrue([for q in concat(values(aws_sqs_queue.queue), values(aws_sqs_queue.dead)) : q.sqs_managed_sse_enabled])
    error_message = "a queue that is not encrypted"
  }
  assert {
    condition     = length(aws_sqs_queue_policy.tls) == 8 && alltrue([for p in aws_sqs_queue_policy.tls : jsondecode(p.policy).Statement[0].Effect == "Deny"])
    error_message = "a queue that may be spoken to in clear"
  }
}

run "a_key_of_ones_own" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }
  assert {
    condition     = alltrue([for q in aws_sqs_queue.queue : q.kms_master_key_id == var.kms_key_arn])
    error_message = "the key is not used"
  }
}

run "alarms" {
  variables {
    allowed_wait  = 20
    alarm_actions = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.age : a.threshold == 40 && a.datapoints_to_alarm == 2 && a.evaluation_periods == 3 && a.period == 60])
    error_message = "the alarm on age is not at twice the wait, in two of three minutes"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.age) == 4 && length(aws_cloudwatch_metric_alarm.dead) == 4 && length(aws_cloudwatch_metric_alarm.coverage) == 3
    error_message = "a queue without an alarm"
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.coverage : a.treat_missing_data == "breaching"])
    error_message = "silence must not be coverage"
  }
  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.age), values(aws_cloudwatch_metric_alarm.dead), values(aws_cloudwatch_metric_alarm.coverage)) : length(a.alarm_actions) == 1])
    error_message = "an alarm that tells nobody"
  }
}

run "an_unknown_class_is_refused" {
  command = plan
  variables {
    locations = { paris = ["script"] }
  }
  expect_failures = [var.locations]
}

run "a_name_that_is_no_location_is_refused" {
  command = plan
  variables {
    locations = { "Paris 1" = ["api"] }
  }
  expect_failures = [var.locations]
}
