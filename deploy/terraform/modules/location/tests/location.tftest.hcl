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
    control_image      = "123456789012.dkr.ecr.eu-west-3.amazonaws.com/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    worker_image       = "123456789012.dkr.ecr.eu-west-3.amazonaws.com/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    release            = "3f2a000000000000000000000000000000000000"
    repository_arns    = ["arn:aws:ecr:eu-west-3:123456789012:repository/probefleet/control", "arn:aws:ecr:eu-west-3:123456789012:repository/probefleet/worker"]
    worker_environment = { PROBEFLEET_CANARIES = "one.one.one.one:443,dns.google:443" }
    queue_region       = "eu-central-1"
    results            = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
    artifacts          = { url = "s3://artifacts?region=eu-central-1", bucket_arn = "arn:aws:s3:::artifacts", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
  place     = { ami = "ami-0123456789abcdef0", vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], instances = { min = 1, max = 10 } }
  jobs      = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api", "arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-browser"]
  log_group = { name = "/probefleet/paris", arn = "arn:aws:logs:eu-west-3:123456789012:log-group:/probefleet/paris" }
}

run "instances_are_closed" {
  assert {
    condition = (
      aws_launch_template.worker.metadata_options[0].http_tokens == "required" &&
      aws_launch_template.worker.metadata_options[0].http_endpoint == "enabled" &&
      aws_launch_template.worker.metadata_options[0].http_put_response_hop_limit == 2
    )
    error_message = "metadata must be given by requests of two steps only"
  }
  assert {
    condition     = aws_launch_template.worker.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "the disk is not encrypted"
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.ipv4.cidr_ipv4 == "0.0.0.0/0"
    error_message = "checks must reach anything"
  }
}

run "a_worker_may_only_work" {
  assert {
    condition = toset(flatten([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement : s.Action])) == toset([
      "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage",
      "autoscaling:CompleteLifecycleAction", "logs:CreateLogStream", "logs:PutLogEvents", "s3:PutObject", "kms:GenerateDataKey",
      "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr:GetAuthorizationToken",
    ])
    error_message = "a worker may do: ${jsonencode(flatten([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement : s.Action]))}"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement :
      !contains(s.Action, "sqs:SendMessage") || s.Resource == [var.fleet.results]
    ])
    error_message = "a worker sends results, and nothing else to nowhere else"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement :
      !contains(s.Action, "sqs:ReceiveMessage") || toset(s.Resource) == toset(var.jobs)
    ])
    error_message = "a worker receives the jobs of its location"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.worker.policy).Statement :
      s.Sid == "RegistryLogIn" || !contains(s.Resource, "*")
    ])
    error_message = "a right on everything"
  }
}

run "the_group_starts_before_it_stops" {
  assert {
    condition     = aws_autoscaling_group.worker.instance_maintenance_policy[0].min_healthy_percentage == 100 && aws_autoscaling_group.worker.instance_refresh[0].preferences[0].min_healthy_percentage == 100
    error_message = "an instance is ended before its successor is ready"
  }
  assert {
    condition     = aws_autoscaling_group.worker.instance_refresh[0].preferences[0].scale_in_protected_instances == "Wait" && aws_autoscaling_group.worker.instance_refresh[0].preferences[0].auto_rollback == false
    error_message = "the refresh is not the one of the notes"
  }
  assert {
    condition     = aws_autoscaling_lifecycle_hook.drained.heartbeat_timeout == 300 && aws_autoscaling_lifecycle_hook.drained.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING"
    error_message = "an instance is not given 300 s to drain"
  }
  assert {
    condition     = aws_autoscaling_lifecycle_hook.ready.default_result == "ABANDON" && aws_autoscaling_lifecycle_hook.ready.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING"
    error_message = "an instance that never gets ready comes into service"
  }
  assert {
    condition     = contains([for t in aws_autoscaling_group.worker.tag : "${t.key}=${t.value}"], "probefleet:release=${var.fleet.release} 7")
    error_message = "the deployer is not told what runs"
  }
}

# One way to run workers on a host: an instance has the files of deploy/instance
# to the letter, and of its instance.json other values, never other fields.
run "an_instance_is_a_host_like_any_other" {
  assert {
    condition = alltrue([for path, of in {
      "/usr/local/lib/probefleet/install.sh"                 = "../../../instance/install.sh"
      "/usr/local/lib/probefleet/probefleet-workers.service" = "../../../instance/probefleet-workers.service"
    } : [for f in yamldecode(output.user_data).write_files : f.content if f.path == path] == [file(of)]])
    error_message = "an instance installs something else"
  }
  assert {
    condition     = toset(keys(output.instance)) == toset(keys(jsondecode(file("../../../instance/instance.json"))))
    error_message = "instance.json: ${jsonencode(output.instance)}"
  }
  assert {
    condition = alltrue([for field, value in jsondecode(file("../../../instance/instance.json")) :
      contains(["count", "command", "memory_mb", "cpus", "pull"], field) || jsonencode(output.instance[field]) == jsonencode(value)
    ])
    error_message = "instance.json: ${jsonencode(output.instance)}"
  }
  assert {
    condition = (
      output.instance.count == 5 && output.instance.memory_mb == 3072 && jsonencode(output.instance.command) == jsonencode(["-location", "paris"]) &&
      output.instance.read_only && output.instance.seccomp == "/etc/probefleet/seccomp.json" && !output.instance.pull
    )
    error_message = "instance.json: ${jsonencode(output.instance)}"
  }
  assert {
    condition     = startswith(output.user_data, "#cloud-config\n") && can(yamldecode(output.user_data).write_files)
    error_message = "cloud-init cannot read it"
  }
  # What cloud-init does not know it leaves out, and says so in a log that
  # nobody reads: a mode that is a number is another mode, a command that is one
  # string goes to a shell.
  assert {
    condition = alltrue(concat(
      [toset(keys(yamldecode(output.user_data))) == toset(["packages", "write_files", "runcmd"])],
      [for f in yamldecode(output.user_data).write_files :
        toset(keys(f)) == toset(["path", "permissions", "content"]) && startswith(f.path, "/") && jsonencode(f.permissions) == format("%q", f.permissions) && can(regex("^0[0-7]{3}$", f.permissions))
      ],
      [for c in yamldecode(output.user_data).runcmd : try(length(c) > 1 && alltrue([for word in c : jsonencode(word) == format("%q", word)]), false)],
    ))
    error_message = "cloud-init understands something else: ${output.user_data}"
  }
  assert {
    condition = alltrue([for f in yamldecode(output.user_data).write_files :
      startswith(f.content, "#!/bin/") == (f.permissions == "0755")
    ])
    error_message = "what is run is no script, or a script is not run"
  }
  assert {
    condition = alltrue([for line in ["AWS_REGION=eu-central-1", "PROBEFLEET_DRAIN=90s", "PROBEFLEET_QUEUE_PREFIX=probefleet", "PROBEFLEET_ARTIFACTS=s3://artifacts?region=eu-central-1", "PROBEFLEET_CANARIES=one.one.one.one:443,dns.google:443"] :
      strcontains([for f in yamldecode(output.user_data).write_files : f.content if f.path == "/etc/probefleet/worker.env"][0], "${line}\n")
    ])
    error_message = "the workers are told something else"
  }
  assert {
    condition     = length(base64gzip(output.user_data)) < 21848
    error_message = "longer than EC2 takes"
  }
}

run "capacity_follows_what_is_wanted" {
  assert {
    condition     = module.following.metrics[0].expression == "MAX([api, browser]) / (asked * 5)"
    error_message = "expression: ${module.following.metrics[0].expression}"
  }
  assert {
    condition     = aws_autoscaling_policy.follow.target_tracking_configuration[0].target_value == 1 && aws_autoscaling_policy.follow.target_tracking_configuration[0].disable_scale_in != true
    error_message = "target tracking does not lead to what is wanted"
  }
  assert {
    condition     = length(aws_autoscaling_policy.out.step_adjustment) == length(module.following.steps)
    error_message = "capacity is added by other steps"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.workers) == 2 && alltrue([for a in aws_cloudwatch_metric_alarm.workers : a.treat_missing_data == "breaching"])
    error_message = "silent workers are not healthy ones"
  }
}

run "one_class" {
  variables {
    slots = { api = 40, browser = 0 }
  }
  assert {
    condition     = module.following.metrics[0].expression == "api / (asked * 5)" && length(aws_cloudwatch_metric_alarm.workers) == 1
    error_message = "expression: ${module.following.metrics[0].expression}"
  }
}

run "an_image_by_tag_is_refused" {
  command = plan
  variables {
    fleet = {
      control_image = "registry.example/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      worker_image  = "registry.example/probefleet/worker:latest"
      release       = "3f2a000000000000000000000000000000000000"
      queue_region  = "eu-central-1"
      results       = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
    }
  }
  expect_failures = [var.fleet]
}

run "a_control_image_by_tag_is_refused" {
  command = plan
  variables {
    fleet = {
      control_image = "registry.example/probefleet/control:latest"
      worker_image  = "registry.example/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      release       = "3f2a000000000000000000000000000000000000"
      queue_region  = "eu-central-1"
      results       = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
    }
  }
  expect_failures = [var.fleet]
}

run "an_environment_of_two_lines_is_refused" {
  command = plan
  variables {
    fleet = {
      control_image      = "registry.example/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      worker_image       = "registry.example/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      release            = "3f2a000000000000000000000000000000000000"
      queue_region       = "eu-central-1"
      results            = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
      worker_environment = { PROBEFLEET_CANARIES = "a:1\nPROBEFLEET_ALLOW=0.0.0.0/0" }
    }
  }
  expect_failures = [var.fleet]
}

run "no_instance_is_refused" {
  command = plan
  variables {
    place = { ami = "ami-0123456789abcdef0", vpc_id = "vpc-1", subnet_ids = ["subnet-1"], instances = { min = 0, max = 4 } }
  }
  expect_failures = [var.place]
}

run "a_browser_larger_than_its_container_is_refused" {
  command = plan
  variables {
    unit_memory = 2048
  }
  expect_failures = [aws_launch_template.worker]
}
