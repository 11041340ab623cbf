mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  log_groups = ["home", "paris"]
  told       = ["ops@example.com", "https://hooks.example.com/alarms"]
  dashboard  = { paris = ["api", "browser"], tokyo = ["api"] }
}

run "logs_end_and_are_encrypted" {
  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.logs : g.retention_in_days == 30 && g.kms_key_id == aws_kms_key.seen.arn])
    error_message = "a log group is kept for ever, or in clear"
  }
  assert {
    condition     = output.logs.paris.name == "/probefleet/paris"
    error_message = "names: ${jsonencode(output.logs)}"
  }
}

run "alarms_reach_people" {
  assert {
    condition     = aws_sns_topic_subscription.told["ops@example.com"].protocol == "email" && aws_sns_topic_subscription.told["https://hooks.example.com/alarms"].protocol == "https"
    error_message = "somebody is told in a wrong way"
  }
  assert {
    condition     = contains([for s in jsondecode(aws_kms_key.seen.policy).Statement : s.Principal.Service if s.Sid == "Alarms"], "cloudwatch.amazonaws.com")
    error_message = "alarms cannot use the topic's key, and would tell nobody"
  }
  assert {
    condition     = jsondecode(aws_sns_topic_policy.alarms.policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "alarms of others may speak here"
  }
}

run "a_row_for_each_class" {
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.fleet[0].dashboard_body).widgets) == 9
    error_message = "widgets: ${length(jsondecode(aws_cloudwatch_dashboard.fleet[0].dashboard_body).widgets)}"
  }
}

run "no_dashboard_where_none_is_asked_for" {
  variables {
    dashboard = {}
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.fleet) == 0
    error_message = "a dashboard of nothing"
  }
}

run "somebody_who_cannot_be_told_is_refused" {
  command = plan
  variables {
    told = ["ops"]
  }
  expect_failures = [var.told]
}
