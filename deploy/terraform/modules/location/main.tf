# The workers of one location: an auto-scaling group of instances, each with a
# few worker containers under systemd. Which release runs is the deployer's
# affair: it makes a version of the launch template and starts the instance
# refresh with it as desired configuration. Terraform makes the first one and
# leaves the group's version, number and release alone from then on.

data "aws_region" "here" {}

locals {
  name    = "${var.prefix}-workers-${var.name}"
  classes = [for class in ["api", "browser"] : class if var.slots[class] > 0]

  # Every flag of a worker by its environment variable.
  worker_environment = merge({
    AWS_REGION                = var.queue_region
    PROBEFLEET_ADMIN          = "0.0.0.0:9102"
    PROBEFLEET_LOCATION       = var.name
    PROBEFLEET_QUEUE_PREFIX   = var.prefix
    PROBEFLEET_API_SLOTS      = tostring(var.slots.api)
    PROBEFLEET_BROWSER_SLOTS  = tostring(var.slots.browser)
    PROBEFLEET_BROWSER_MEMORY = tostring(var.browser_memory)
    PROBEFLEET_DRAIN          = "90s"
  }, var.artifacts == null ? {} : { PROBEFLEET_ARTIFACTS = var.artifacts.url }, var.worker_environment)

  instance_environment = {
    PROBEFLEET_IMAGE          = var.image
    PROBEFLEET_UNITS          = tostring(var.units)
    PROBEFLEET_UNIT_MEMORY    = "${var.unit_memory}m"
    PROBEFLEET_GROUP          = local.name
    PROBEFLEET_REGION         = data.aws_region.here.region
    PROBEFLEET_LOG_GROUP      = var.log_group.name
    PROBEFLEET_LOG_IN         = var.repository_arn == null ? "" : split("/", var.image)[0]
    PROBEFLEET_LAUNCH_HOOK    = "ready"
    PROBEFLEET_TERMINATE_HOOK = "drained"
  }

  user_data = join("\n", ["#cloud-config", yamlencode({
    packages = ["docker"]
    write_files = [for path, file in {
      "/etc/probefleet/instance.env"                   = { mode = "0644", text = join("", [for k, v in local.instance_environment : "${k}=${v}\n"]) }
      "/etc/probefleet/worker.env"                     = { mode = "0600", text = join("", [for k, v in local.worker_environment : "${k}=${v}\n"]) }
      "/etc/probefleet/seccomp.json"                   = { mode = "0644", text = jsonencode(jsondecode(var.seccomp_profile)) }
      "/etc/sysctl.d/60-probefleet.conf"               = { mode = "0644", text = "user.max_user_namespaces = 15000\n" }
      "/usr/local/bin/probefleet-instance"             = { mode = "0755", text = file("${path.module}/files/probefleet-instance") }
      "/etc/systemd/system/probefleet-worker@.service" = { mode = "0644", text = file("${path.module}/files/probefleet-worker@.service") }
      "/etc/systemd/system/probefleet-instance.service" = {
        mode = "0644", text = file("${path.module}/files/probefleet-instance.service")
      }
      "/etc/systemd/system/probefleet-lifecycle.service" = {
        mode = "0644", text = file("${path.module}/files/probefleet-lifecycle.service")
      }
    } : { path = path, permissions = file.mode, content = file.text }]
    runcmd = [
      ["sysctl", "--system"],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "docker.service"],
      ["systemctl", "enable", "--now", "--no-block", "probefleet-lifecycle.service", "probefleet-instance.service"],
    ]
  })])
}

# Nothing comes in; checks go anywhere.
resource "aws_security_group" "worker" {
  name_prefix = "${local.name}-"
  description = "Workers of ${var.name}: out to everywhere, in from nowhere"
  vpc_id      = var.vpc_id
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "ipv4" {
  security_group_id = aws_security_group.worker.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "ipv6" {
  security_group_id = aws_security_group.worker.id
  ip_protocol       = "-1"
  cidr_ipv6         = "::/0"
}

resource "aws_launch_template" "worker" {
  name                   = local.name
  description            = "Workers of ${var.name}"
  image_id               = var.ami
  instance_type          = var.instance_type
  user_data              = base64gzip(local.user_data)
  update_default_version = false
  ebs_optimized          = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.worker.arn
  }

  # Credentials come by requests of two steps only, which a forged request
  # cannot make. Two hops, because a worker in its container is one hop further
  # away than the instance; what a check dials is judged by the worker, which
  # shuts these addresses.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = 30
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  network_interfaces {
    security_groups       = [aws_security_group.worker.id]
    delete_on_termination = true
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(var.tags, { Name = local.name })
  }
  tag_specifications {
    resource_type = "volume"
    tags          = merge(var.tags, { Name = local.name })
  }
  tags = var.tags

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = length(base64gzip(local.user_data)) <= 21848
      error_message = "The user data is longer than EC2's 16 KiB: shorten worker_environment or the seccomp profile."
    }
    precondition {
      condition     = var.unit_memory >= var.browser_memory + 512
      error_message = "unit_memory has to leave 512 MiB beside browser_memory."
    }
  }
}

resource "aws_autoscaling_group" "worker" {
  name                    = local.name
  min_size                = var.instances.min
  max_size                = var.instances.max
  vpc_zone_identifier     = var.subnet_ids
  health_check_type       = "EC2"
  default_instance_warmup = 120
  enabled_metrics         = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"]
  metrics_granularity     = "1Minute"
  # A scale-in during a rollout takes from the release that leaves.
  termination_policies = ["OldestLaunchTemplate", "OldestInstance"]

  launch_template {
    id      = aws_launch_template.worker.id
    version = aws_launch_template.worker.latest_version
  }

  # Whatever replaces an instance, a refresh, a sick one, a rebalancing of
  # zones: the new one is ready before the old one ends.
  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 200
  }

  # For a refresh that Terraform is asked for by `terraform apply -replace`.
  # Releases come by the deployer, with their version as desired configuration.
  # No automatic rollback here: it would go to the version that the group names,
  # and by then that is the new one.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage       = 100
      max_healthy_percentage       = 200
      instance_warmup              = 120
      scale_in_protected_instances = "Wait"
      skip_matching                = true
      auto_rollback                = false
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, {
      Name                 = local.name
      "probefleet:release" = "${var.release} ${aws_launch_template.worker.latest_version}"
    })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [launch_template[0].version, desired_capacity, tag]
  }
}

# An instance is in service when its workers are ready, and not before.
resource "aws_autoscaling_lifecycle_hook" "ready" {
  name                   = local.instance_environment.PROBEFLEET_LAUNCH_HOOK
  autoscaling_group_name = aws_autoscaling_group.worker.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
  heartbeat_timeout      = 600
  default_result         = "ABANDON"
}

# An instance ends when its workers have drained: 90 s for running checks, and
# some more for what is left.
resource "aws_autoscaling_lifecycle_hook" "drained" {
  name                   = local.instance_environment.PROBEFLEET_TERMINATE_HOOK
  autoscaling_group_name = aws_autoscaling_group.worker.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = 300
  default_result         = "CONTINUE"
}
