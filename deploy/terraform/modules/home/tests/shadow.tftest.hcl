mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      domain_validation_options = [
        { domain_name = "status.example.com", resource_record_name = "_1.status.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm-validations.aws" },
        { domain_name = "probefleet.example.com", resource_record_name = "_2.probefleet.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm-validations.aws" },
      ]
    }
  }
}

variables {
  image        = "registry.example/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  release      = "3f2a000000000000000000000000000000000000"
  network      = { vpc_id = "vpc-1", public_subnets = ["subnet-1", "subnet-2"], private_subnets = ["subnet-3", "subnet-4"] }
  zone_id      = "Z1"
  status_host  = "status.example.com"
  console_host = "probefleet.example.com"
  database_urls = { for name in ["scheduler", "recorder", "console", "dashboard"] :
    name => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}"
  }
  queues = {
    jobs        = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api"]
    results     = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
    dead        = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-dlq", "arn:aws:sqs:eu-central-1:123456789012:probefleet-results-dlq"]
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    shadow = {
      jobs    = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-shadow"]
      results = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results-shadow"
      dead    = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-shadow-dlq"]
    }
  }
  shadow    = { "paris/api" = 0.1, "tokyo/browser" = 1 }
  capacity  = { wait = 30, busy = 0.65, regions = { paris = "eu-west-3" } }
  log_group = { name = "/probefleet/home", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/probefleet/home" }
}

# Each action on each queue, once: what is missing here, a command lacks.
run "rights_to_copies" {
  assert {
    condition = jsonencode(sort([for pair in flatten([
      for s in jsondecode(aws_iam_role_policy.service["scheduler"].policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]]
      ]) : pair])) == jsonencode(sort([
      "cloudwatch:PutMetricData *", "kms:Decrypt key/1", "kms:GenerateDataKey key/1",
      "sqs:GetQueueAttributes probefleet-jobs-paris-api", "sqs:GetQueueUrl probefleet-jobs-paris-api", "sqs:SendMessage probefleet-jobs-paris-api",
      "sqs:GetQueueUrl probefleet-jobs-paris-api-shadow", "sqs:SendMessage probefleet-jobs-paris-api-shadow",
    ]))
    error_message = "the scheduler may: ${aws_iam_role_policy.service["scheduler"].policy}"
  }
  assert {
    condition = jsonencode(sort([for pair in flatten([
      for s in jsondecode(aws_iam_role_policy.service["recorder"].policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]]
      ]) : pair])) == jsonencode(sort(concat(
      ["kms:Decrypt key/1", "sqs:ListQueues *"],
      flatten([for q in ["probefleet-results", "probefleet-results-shadow"] : [for a in ["GetQueueUrl", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"] : "sqs:${a} ${q}"]]),
      flatten([for q in ["probefleet-jobs-paris-api-dlq", "probefleet-results-dlq", "probefleet-jobs-paris-api-shadow-dlq"] : ["sqs:GetQueueUrl ${q}", "sqs:GetQueueAttributes ${q}"]]),
    )))
    error_message = "the recorder may: ${aws_iam_role_policy.service["recorder"].policy}"
  }
  assert {
    condition = alltrue([for want in [
      "sqs:ReceiveMessage probefleet-jobs-paris-api-shadow-dlq", "sqs:StartMessageMoveTask probefleet-jobs-paris-api-shadow-dlq",
      "sqs:SendMessage probefleet-jobs-paris-api-shadow", "sqs:GetQueueAttributes probefleet-results-shadow", "sqs:GetQueueUrl probefleet-results-shadow",
      ] : contains(flatten([
        for s in jsondecode(aws_iam_role_policy.service["console"].policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]]
    ]), want)])
    error_message = "the console may: ${aws_iam_role_policy.service["console"].policy}"
  }
}

run "scheduler_and_recorder_are_told" {
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.service["scheduler"].container_definitions)[0].environment, { name = "PROBEFLEET_SHADOW", value = "paris/api=0.1,tokyo/browser=1" })
    error_message = "the scheduler copies nothing"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.service["recorder"].container_definitions)[0].environment, { name = "PROBEFLEET_SHADOW", value = "true" })
    error_message = "nobody keeps what candidates find"
  }
}

run "a_share_without_queues_is_refused" {
  command = plan
  variables {
    queues = { jobs = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api"], results = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results", dead = [], kms_key_arn = null }
  }
  expect_failures = [var.shadow]
}

run "a_share_of_more_than_all_is_refused" {
  command = plan
  variables {
    shadow = { "paris/api" = 10 }
  }
  expect_failures = [var.shadow]
}

run "the_deployer_moves_services_and_nothing_else" {
  assert {
    condition = jsonencode(sort(distinct(flatten([for s in jsondecode(output.deployer_policy).Statement : s.Action])))) == jsonencode([
      "cloudwatch:DescribeAlarms", "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService", "iam:PassRole",
    ])
    error_message = "the deployer may: ${output.deployer_policy}"
  }
  assert {
    condition = alltrue([for s in jsondecode(output.deployer_policy).Statement :
      s.Sid == "Look" || !contains(s.Resource, "*")
    ])
    error_message = "a right on everything: ${output.deployer_policy}"
  }
}
