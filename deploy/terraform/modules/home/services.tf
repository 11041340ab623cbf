# The commands that hold the database, as services of a cluster without machines
# of our own. They run no stranger's flows, need no browser, and drain at SIGTERM.
# Several of each may run: shards are leased, results wait in their queue, pages
# are served by whoever is there.

data "aws_region" "here" {}

locals {
  ports = { console = 8081, dashboard = 8080 }
  admin = { scheduler = 9101, recorder = 9103, dashboard = 9104, console = 9105 }

  # Flags by their environment variables.
  own_environment = {
    scheduler = {
      PROBEFLEET_QUEUE_PREFIX       = var.prefix
      PROBEFLEET_CAPACITY_WAIT      = "${var.capacity.wait}s"
      PROBEFLEET_CAPACITY_BUSY      = tostring(var.capacity.busy)
      PROBEFLEET_CLOUDWATCH         = var.metrics_namespace
      PROBEFLEET_CLOUDWATCH_REGIONS = join(",", [for location, region in var.capacity.regions : "${location}=${region}"])
    }
    recorder = {
      PROBEFLEET_QUEUE_PREFIX = var.prefix
      PROBEFLEET_CONSOLE_URL  = "https://${var.console_host}"
    }
    console = merge({
      PROBEFLEET_ADDR         = "0.0.0.0:8081"
      PROBEFLEET_QUEUE_PREFIX = var.prefix
      PROBEFLEET_STATUS_URL   = "https://${var.status_host}"
    }, var.artifacts == null ? {} : { PROBEFLEET_ARTIFACTS = var.artifacts.url })
    dashboard = {
      PROBEFLEET_ADDR = "0.0.0.0:8080"
      PROBEFLEET_URL  = "https://${var.status_host}"
    }
  }
  environment = { for name, own in local.own_environment : name => merge(
    { AWS_REGION = data.aws_region.here.region, PROBEFLEET_ADMIN = "0.0.0.0:${local.admin[name]}" },
    own, try(local.shadow_environment[name], {}), lookup(var.environment, name, {}),
  ) }
  secrets = { for name in keys(local.admin) : name => merge({ DATABASE_URL = var.database_urls[name] }, lookup(var.secrets, name, {})) }
}

resource "aws_ecs_cluster" "home" {
  name = "${var.prefix}-home"
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
  tags = var.tags
}

resource "aws_ecs_task_definition" "service" {
  for_each = local.admin

  family                   = "${var.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.key].cpu
  memory                   = var.sizes[each.key].memory
  execution_role_arn       = aws_iam_role.start[each.key].arn
  task_role_arn            = aws_iam_role.service[each.key].arn

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = var.image
    command                = [each.key]
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    healthCheck            = { command = ["CMD", each.key, "health"], interval = 10, timeout = 5, retries = 6, startPeriod = 60 }
    # A drain takes 25 s; Fargate gives 120 at most.
    stopTimeout     = 60
    linuxParameters = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    environment     = [for k, v in local.environment[each.key] : { name = k, value = v }]
    secrets         = [for k, arn in local.secrets[each.key] : { name = k, valueFrom = arn }]
    portMappings    = [for p in compact([lookup(local.ports, each.key, null)]) : { containerPort = tonumber(p), protocol = "tcp" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.log_group.name
        "awslogs-region"        = data.aws_region.here.region
        "awslogs-stream-prefix" = each.key
      }
    }
  }])

  tags = merge(var.tags, { "probefleet:release" = var.release })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "service" {
  for_each = local.admin

  name_prefix = "${var.prefix}-${each.key}-"
  description = "The service ${each.key}"
  vpc_id      = var.network.vpc_id
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "service" {
  for_each = local.admin

  security_group_id = aws_security_group.service[each.key].id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "service_from_balancer" {
  for_each = local.ports

  security_group_id            = aws_security_group.service[each.key].id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "health_from_balancer" {
  for_each = local.ports

  security_group_id            = aws_security_group.service[each.key].id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.admin[each.key]
  to_port                      = local.admin[each.key]
}

# The deployer registers task definitions and moves the services to them;
# Terraform makes the first, and leaves definition and number alone.
resource "aws_ecs_service" "service" {
  for_each = local.admin

  name                               = each.key
  cluster                            = aws_ecs_cluster.home.id
  task_definition                    = aws_ecs_task_definition.service[each.key].arn
  desired_count                      = var.sizes[each.key].count
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = contains(keys(local.ports), each.key) ? 60 : null
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.network.private_subnets
    security_groups  = [aws_security_group.service[each.key].id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = contains(keys(local.ports), each.key) ? [local.ports[each.key]] : []
    content {
      target_group_arn = aws_lb_target_group.service[each.key].arn
      container_name   = each.key
      container_port   = load_balancer.value
    }
  }

  tags = var.tags

  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
  depends_on = [aws_lb_listener.https]
}
