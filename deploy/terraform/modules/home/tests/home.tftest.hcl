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
  console_from = ["198.51.100.0/24"]
  database_urls = {
    scheduler = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:scheduler"
    recorder  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:recorder"
    console   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console"
    dashboard = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dashboard"
  }
  queues = {
    jobs        = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api"]
    results     = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
    dead        = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-dlq", "arn:aws:sqs:eu-central-1:123456789012:probefleet-results-dlq"]
    kms_key_arn = null
  }
  artifacts = { url = "s3://artifacts?region=eu-central-1", bucket_arn = "arn:aws:s3:::artifacts", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  capacity  = { wait = 30, busy = 0.65, regions = { paris = "eu-west-3" } }
  log_group = { name = "/probefleet/home", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/probefleet/home" }
}

run "least_rights" {
  assert {
    condition = jsonencode({ for name, p in aws_iam_role_policy.service : name => sort(distinct(flatten([for s in jsondecode(p.policy).Statement : s.Action]))) }) == jsonencode({
      scheduler = ["cloudwatch:PutMetricData", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
      recorder  = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueues", "sqs:ReceiveMessage"]
      console = [
        "kms:Decrypt", "s3:GetObject", "s3:ListBucket", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListMessageMoveTasks",
        "sqs:ListQueues", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:StartMessageMoveTask",
      ]
    })
    error_message = "rights: ${jsonencode({ for name, p in aws_iam_role_policy.service : name => jsondecode(p.policy) })}"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.service["recorder"].policy).Statement :
      !contains(s.Action, "sqs:DeleteMessage") || s.Resource == [var.queues.results]
    ])
    error_message = "the recorder may delete more than results"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.service["console"].policy).Statement :
      !contains(s.Action, "sqs:ReceiveMessage") || toset(s.Resource) == toset(var.queues.dead)
    ])
    error_message = "the console may take what is not dead"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.start["dashboard"].policy).Statement[1].Resource == [var.database_urls.dashboard]
    error_message = "the status page may read others' secrets"
  }
}

run "services_are_closed_and_start_before_they_stop" {
  assert {
    condition = alltrue([for t in aws_ecs_task_definition.service : alltrue([
      jsondecode(t.container_definitions)[0].readonlyRootFilesystem,
      jsondecode(t.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"],
      jsondecode(t.container_definitions)[0].user == "10001:10001",
      jsondecode(t.container_definitions)[0].image == var.image,
    ])])
    error_message = "a container that may more than it needs"
  }
  assert {
    condition     = alltrue([for s in aws_ecs_service.service : s.deployment_minimum_healthy_percent == 100 && s.deployment_circuit_breaker[0].rollback && !s.network_configuration[0].assign_public_ip])
    error_message = "a service that stops before its successor is there, or is public"
  }
  assert {
    condition     = alltrue([for t in aws_ecs_task_definition.service : t.tags["probefleet:release"] == var.release])
    error_message = "the deployer is not told what runs"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.service["scheduler"].container_definitions)[0].environment, { name = "PROBEFLEET_CLOUDWATCH_REGIONS", value = "paris=eu-west-3" })
    error_message = "the scheduler is not told where to publish"
  }
}

run "the_database_is_closed_and_kept" {
  assert {
    condition = (
      aws_db_instance.database.storage_encrypted && aws_db_instance.database.multi_az && !aws_db_instance.database.publicly_accessible &&
      aws_db_instance.database.deletion_protection && aws_db_instance.database.backup_retention_period == 14 && !aws_db_instance.database.skip_final_snapshot &&
      aws_db_instance.database.manage_master_user_password
    )
    error_message = "the database is open, in clear, or easily lost"
  }
  assert {
    condition     = contains([for p in aws_db_parameter_group.database.parameter : "${p.name}=${p.value}"], "rds.force_ssl=1")
    error_message = "the database may be spoken to in clear"
  }
}

run "the_balancer_speaks_https" {
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb.home.drop_invalid_header_fields
    error_message = "pages are served in clear"
  }
  assert {
    condition     = contains(flatten([for c in aws_lb_listener_rule.console.condition : [for s in c.source_ip : s.values]]), "198.51.100.0/24")
    error_message = "the console is for everybody"
  }
  assert {
    condition     = { for name, g in aws_lb_target_group.service : name => g.health_check[0].path } == { console = "/readyz", dashboard = "/healthz" }
    error_message = "health is asked for in the wrong place"
  }
}

run "alarms" {
  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.tasks), values(aws_cloudwatch_metric_alarm.watched)) : a.treat_missing_data == "breaching"])
    error_message = "silence is taken for health"
  }
}

run "a_database_without_backups_is_refused" {
  command = plan
  variables {
    database = { instance_class = "db.t4g.small", storage = 20, most_storage = 100, backup_days = 0, multi_az = false }
  }
  expect_failures = [var.database]
}

run "an_image_by_tag_is_refused" {
  command = plan
  variables {
    image = "registry.example/probefleet/control:latest"
  }
  expect_failures = [var.image]
}
