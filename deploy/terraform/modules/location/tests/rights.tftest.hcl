mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-3" }
  }
  mock_resource "aws_launch_template" {
    defaults = { latest_version = 7, arn = "arn:aws:ec2:eu-west-3:123456789012:launch-template/lt-1" }
  }
}

variables {
  name = "paris"
  fleet = {
    control_image = "123456789012.dkr.ecr.eu-west-3.amazonaws.com/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    worker_image  = "123456789012.dkr.ecr.eu-west-3.amazonaws.com/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    release       = "3f2a000000000000000000000000000000000000"
    queue_region  = "eu-central-1"
    results       = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
  }
  place     = { ami = "ami-0123456789abcdef0", vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], instances = { min = 1, max = 10 } }
  jobs      = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api"]
  log_group = { name = "/probefleet/paris", arn = "arn:aws:logs:eu-west-3:123456789012:log-group:/probefleet/paris" }
}

run "no_copies_unless_there_are_some" {
  assert {
    condition     = !strcontains(aws_iam_role_policy.worker.policy, "shadow") && !strcontains(aws_iam_role_policy.worker.policy, "CopiesOfJobs")
    error_message = "a worker may: ${aws_iam_role_policy.worker.policy}"
  }
}

run "a_candidate_takes_copies_and_sends_what_it_finds" {
  variables {
    shadow = {
      jobs    = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-shadow"]
      results = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results-shadow"
    }
  }
  assert {
    condition = jsonencode(sort([for pair in flatten([
      for s in jsondecode(aws_iam_role_policy.worker.policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]] if startswith(s.Action[0], "sqs:")
      ]) : pair])) == jsonencode(sort(concat(
      flatten([for q in ["probefleet-jobs-paris-api", "probefleet-jobs-paris-api-shadow"] : [for a in ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"] : "sqs:${a} ${q}"]]),
      flatten([for q in ["probefleet-results", "probefleet-results-shadow"] : ["sqs:GetQueueUrl ${q}", "sqs:SendMessage ${q}"]]),
    )))
    error_message = "a worker may: ${aws_iam_role_policy.worker.policy}"
  }
}

run "the_deployer_starts_instances_of_this_template_alone" {
  assert {
    condition = alltrue([for s in jsondecode(output.deployer_policy).Statement :
      !contains(s.Action, "ec2:RunInstances") || try(s.Condition, null) == { ArnEquals = { "ec2:LaunchTemplate" = aws_launch_template.worker.arn } }
    ])
    error_message = "the deployer may start anything: ${output.deployer_policy}"
  }
  assert {
    condition = alltrue([for s in jsondecode(output.deployer_policy).Statement :
      !contains(s.Resource, "*") || contains(["Look", "InstancesOfTheTemplate"], s.Sid)
    ])
    error_message = "a right on everything: ${output.deployer_policy}"
  }
  assert {
    condition = alltrue([for s in jsondecode(output.deployer_policy).Statement :
      !contains(s.Action, "iam:PassRole") || try(s.Condition, null) == { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
    ])
    error_message = "the role may be passed to anybody"
  }
}
