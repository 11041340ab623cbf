# The workers of one location: an auto-scaling group of instances. An instance
# is a host like any other (deploy/instance, docs/operations.md): cloud-init puts
# its files there and runs its install.sh, and one unit sees to the containers.
# Which release runs is the deployer's affair: it makes a version of the launch
# template and starts the instance refresh with it as desired configuration.
# Terraform makes the first one and leaves the group's version, number and
# release alone from then on.

data "aws_region" "here" {}

locals {
  name    = "${var.prefix}-workers-${var.name}"
  classes = [for class in ["api", "browser"] : class if var.slots[class] > 0]

  # What every host has, and in what an instance of this location differs from it.
  host = "${path.module}/../../../instance"
  instance = merge(jsondecode(file("${local.host}/instance.json")), {
    count     = var.units
    command   = ["-location", var.name]
    memory_mb = var.unit_memory
    cpus      = var.unit_cpus
    pull      = false # by digest, and fetched with the instance's own credentials before
  })
  worker_environment = merge(
    { for line in split("\n", file("${local.host}/worker.env")) : split("=", line)[0] => join("=", slice(split("=", line), 1, length(split("=", line))))
    if can(regex("^[A-Z]", line)) },
    {
      AWS_REGION                = var.fleet.queue_region
      PROBEFLEET_QUEUE_PREFIX   = var.prefix
      PROBEFLEET_API_SLOTS      = tostring(var.slots.api)
      PROBEFLEET_BROWSER_SLOTS  = tostring(var.slots.browser)
      PROBEFLEET_BROWSER_MEMORY = tostring(var.browser_memory)
    },
    var.fleet.artifacts == null ? {} : { PROBEFLEET_ARTIFACTS = var.fleet.artifacts.url },
    var.fleet.worker_environment,
  )

  lifecycle_environment = {
    PROBEFLEET_CONTROL_IMAGE  = var.fleet.control_image
    PROBEFLEET_IMAGE          = var.fleet.worker_image
    PROBEFLEET_GROUP          = local.name
    PROBEFLEET_REGION         = data.aws_region.here.region
    PROBEFLEET_LAUNCH_HOOK    = "ready"
    PROBEFLEET_TERMINATE_HOOK = "drained"
  }

  files = {
    "/usr/local/lib/probefleet/install.sh"                 = { mode = "0755", text = file("${local.host}/install.sh") }
    "/usr/local/lib/probefleet/probefleet-workers.service" = { mode = "0644", text = file("${local.host}/probefleet-workers.service") }
    "/etc/probefleet/instance.json"                        = { mode = "0600", text = jsonencode(local.instance) }
    "/etc/probefleet/worker.env"                           = { mode = "0600", text = join("", [for k, v in local.worker_environment : "${k}=${v}\n"]) }
    "/etc/probefleet/location.env"                         = { mode = "0644", text = join("", [for k, v in local.lifecycle_environment : "${k}=${v}\n"]) }
    "/usr/local/bin/probefleet-lifecycle"                  = { mode = "0755", text = file("${path.module}/files/probefleet-lifecycle") }
    "/etc/systemd/system/probefleet-lifecycle.service"     = { mode = "0644", text = file("${path.module}/files/probefleet-lifecycle.service") }
    "/etc/sysctl.d/60-probefleet.conf"                     = { mode = "0644", text = "user.max_user_namespaces = 15000\n" }
    "/etc/docker/daemon.json" = { mode = "0644", text = jsonencode({
      log-driver = "awslogs"
      log-opts = {
        awslogs-region = data.aws_region.here.region
        awslogs-group  = var.log_group.name
        tag            = "{{.Hostname}}/{{.Name}}"
      }
    }) }
  }

  user_data = join("\n", ["#cloud-config", yamlencode({
    packages    = ["docker"]
    write_files = [for path, file in local.files : { path = path, permissions = file.mode, content = file.text }]
    runcmd = [
      ["sysctl", "--system"],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "docker.service"],
      # It may have come up before its settings were there.
      ["systemctl", "restart", "docker.service"],
      ["systemctl", "enable", "--now", "--no-block", "probefleet-lifecycle.service"],
    ]
  })])
}

# Nothing comes in; checks go anywhere.
resource "aws_security_group" "worker" {
  name_prefix = "${local.name}-"
  description = "Workers of ${var.name}: out to everywhere, in from nowhere"
  vpc_id      = var.place.vpc_id
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
  image_id               = var.place.ami
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
      error_message = "The user data is longer than EC2's 16 KiB: shorten worker_environment."
    }
    precondition {
      condition     = var.unit_memory >= var.browser_memory + 512
      error_message = "unit_memory has to leave 512 MiB beside browser_memory."
    }
  }
}

resource "aws_autoscaling_group" "worker" {
  name                    = local.name
  min_size                = var.place.instances.min
  max_size                = var.place.instances.max
  vpc_zone_identifier     = var.place.subnet_ids
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
      "probefleet:release" = "${var.fleet.release} ${aws_launch_template.worker.latest_version}"
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
  name                   = local.lifecycle_environment.PROBEFLEET_LAUNCH_HOOK
  autoscaling_group_name = aws_autoscaling_group.worker.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
  heartbeat_timeout      = 600
  default_result         = "ABANDON"
}

# An instance ends when its workers have drained: 90 s for running checks, and
# some more for what is left.
resource "aws_autoscaling_lifecycle_hook" "drained" {
  name                   = local.lifecycle_environment.PROBEFLEET_TERMINATE_HOOK
  autoscaling_group_name = aws_autoscaling_group.worker.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = 300
  default_result         = "CONTINUE"
}
