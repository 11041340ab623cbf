mock_provider "aws" {}

variables {
  name              = "workers"
  description       = "more are wanted"
  classes           = { api = { Class = "api" }, browser = { Class = "browser" } }
  units             = 5
  asked             = { namespace = "AWS/AutoScaling", name = "GroupDesiredCapacity", dimensions = { AutoScalingGroupName = "workers" } }
  adds              = "arn:aws:autoscaling:eu-west-3:123456789012:scalingPolicy:1"
  metrics_namespace = "Probefleet"
  tags              = {}
}

run "the_class_that_wants_most_decides" {
  assert {
    condition     = output.metrics[0].expression == "MAX([api, browser]) / (asked * 5)"
    error_message = "expression: ${output.metrics[0].expression}"
  }
  assert {
    condition     = toset([for m in output.metrics : m.id if m.expression == null]) == toset(["api", "browser", "asked"])
    error_message = "metrics: ${jsonencode(output.metrics)}"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.lacking.metric_query) == 4
    error_message = "the alarm looks at something else"
  }
}

run "one_class_of_tasks" {
  variables {
    classes = { api = { Class = "api" } }
    units   = 1
  }
  assert {
    condition     = output.metrics[0].expression == "api / asked"
    error_message = "expression: ${output.metrics[0].expression}"
  }
}

run "out_at_once_and_by_enough" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.lacking.evaluation_periods == 1 && aws_cloudwatch_metric_alarm.lacking.treat_missing_data == "missing"
    error_message = "out is not at once, or happens on missing data"
  }
  assert {
    condition     = alltrue([for lower, step in output.steps : step[0] == null || try(step[0] + 5 <= step[1], false)])
    error_message = "a step adds less than is lacking"
  }
  assert {
    condition     = toset([for step in output.steps : tostring(step[0]) if step[0] != null]) == setsubtract(keys(output.steps), ["0"])
    error_message = "the steps leave a gap"
  }
}

run "no_class_is_refused" {
  command = plan
  variables {
    classes = {}
  }
  expect_failures = [var.classes]
}
