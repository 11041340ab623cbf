mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-3" }
  }
}

variables {
  name               = "paris"
  class              = "api"
  image              = "registry.example/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  release            = "3f2a000000000000000000000000000000000000"
  cluster            = "fleet"
  subnet_ids         = ["subnet-1"]
  security_group_ids = ["sg-1"]
  queue_region       = "eu-central-1"
  jobs               = "arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api"
  results            = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
  execution_role_arn = "arn:aws:iam::123456789012:role/start"
  log_group          = "/probefleet/paris"
}

run "a_task_is_closed_and_drains" {
  assert {
    condition = alltrue([
      jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].readonlyRootFilesystem,
      jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].stopTimeout == 120,
      jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].linuxParameters.capabilities.drop[0] == "ALL",
      jsonencode(jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].healthCheck.command) == jsonencode(["CMD", "worker", "health"]),
    ])
    error_message = "the container may more than it needs, or does not drain"
  }
  assert {
    condition     = aws_ecs_service.worker.deployment_minimum_healthy_percent == 100
    error_message = "tasks stop before their successors are there"
  }
  assert {
    condition = jsonencode(sort(distinct(flatten([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement : s.Action])))) == jsonencode([
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage",
    ])
    error_message = "rights: ${aws_iam_role_policy.worker.policy}"
  }
}

# A task may what the workers of an instance may, on what belongs to this
# location alone.
run "a_task_may_what_its_worker_calls" {
  variables {
    queue_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/queues"
    artifacts         = { url = "s3://artifacts?region=eu-central-1", bucket_arn = "arn:aws:s3:::artifacts", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/artifacts" }
  }
  assert {
    condition = jsonencode(sort(flatten([
      for s in jsondecode(aws_iam_role_policy.worker.policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]]
      ]))) == jsonencode(sort(concat(
      [for a in ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"] : "sqs:${a} probefleet-jobs-paris-api"],
      ["sqs:GetQueueUrl probefleet-results", "sqs:SendMessage probefleet-results"],
      ["kms:Decrypt key/queues", "kms:GenerateDataKey key/queues", "s3:PutObject artifacts/runs/*", "kms:GenerateDataKey key/artifacts"],
    )))
    error_message = "a task may: ${aws_iam_role_policy.worker.policy}"
  }
  assert {
    condition     = contains([for e in jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].environment : "${e.name}=${e.value}"], "PROBEFLEET_ARTIFACTS=s3://artifacts?region=eu-central-1")
    error_message = "a task may keep pictures, and is not told where"
  }
}

run "browser_checks_have_a_sandbox" {
  variables {
    class             = "browser"
    slots             = 2
    capacity_provider = "instances"
  }
  assert {
    condition     = aws_ecs_task_definition.worker.requires_compatibilities == toset(["EC2"]) && jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].linuxParameters.sharedMemorySize == 256
    error_message = "a browser without its memory, or not on an instance"
  }
}

run "browser_checks_without_one_are_refused" {
  command = plan
  variables {
    class = "browser"
  }
  expect_failures = [aws_ecs_task_definition.worker]
}

run "an_image_by_tag_is_refused" {
  command = plan
  variables {
    image = "registry.example/probefleet/worker:latest"
  }
  expect_failures = [var.image]
}
