# One load balancer for the two names. Only /ping/ of the console, which jobs
# call, and the status page are for everybody.

resource "aws_acm_certificate" "names" {
  domain_name               = var.status_host
  subject_alternative_names = [var.console_host]
  validation_method         = "DNS"
  tags                      = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = toset([var.status_host, var.console_host])

  zone_id         = var.zone_id
  name            = one([for o in aws_acm_certificate.names.domain_validation_options : o.resource_record_name if o.domain_name == each.key])
  type            = one([for o in aws_acm_certificate.names.domain_validation_options : o.resource_record_type if o.domain_name == each.key])
  records         = [one([for o in aws_acm_certificate.names.domain_validation_options : o.resource_record_value if o.domain_name == each.key])]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "names" {
  certificate_arn         = aws_acm_certificate.names.arn
  validation_record_fqdns = [for r in aws_route53_record.proof : r.fqdn]
}

resource "aws_security_group" "balancer" {
  name_prefix = "${var.prefix}-balancer-"
  description = "HTTPS from everywhere, HTTP to be sent there"
  vpc_id      = var.network.vpc_id
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each = { for pair in setproduct(["80", "443"], ["0.0.0.0/0", "::/0"]) : join(" ", pair) => pair }

  security_group_id = aws_security_group.balancer.id
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value[0])
  to_port           = tonumber(each.value[0])
  cidr_ipv4         = strcontains(each.value[1], ":") ? null : each.value[1]
  cidr_ipv6         = strcontains(each.value[1], ":") ? each.value[1] : null
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each = merge(local.ports, { for name in keys(local.ports) : "${name} health" => local.admin[name] })

  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.service[split(" ", each.key)[0]].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_lb" "home" {
  name                       = "${var.prefix}-home"
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer.id]
  subnets                    = var.network.public_subnets
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  # Open pages wait for changes: longer than their sign of life of 15 s.
  idle_timeout = 120
  tags         = var.tags
}

resource "aws_lb_target_group" "service" {
  for_each = local.ports

  name_prefix          = substr(each.key, 0, 6)
  vpc_id               = var.network.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value
  deregistration_delay = 30
  tags                 = var.tags

  # A status page without its database is late, not absent: it is asked whether
  # it is alive. The console is of no use then, and is asked whether it is ready.
  health_check {
    port                = tostring(local.admin[each.key])
    path                = each.key == "dashboard" ? "/healthz" : "/readyz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.home.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.home.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.names.certificate_arn

  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "no such host"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "status" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  condition {
    host_header {
      values = [var.status_host]
    }
  }
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service["dashboard"].arn
  }
}

resource "aws_lb_listener_rule" "ping" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 20

  condition {
    host_header {
      values = [var.console_host]
    }
  }
  condition {
    path_pattern {
      values = ["/ping/*"]
    }
  }
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service["console"].arn
  }
}

resource "aws_lb_listener_rule" "console" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 30

  condition {
    host_header {
      values = [var.console_host]
    }
  }
  condition {
    source_ip {
      values = var.console_from
    }
  }
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service["console"].arn
  }
}

resource "aws_route53_record" "name" {
  for_each = { for pair in setproduct([var.status_host, var.console_host], ["A"]) : join(" ", pair) => pair }

  zone_id = var.zone_id
  name    = each.value[0]
  type    = each.value[1]

  alias {
    name                   = aws_lb.home.dns_name
    zone_id                = aws_lb.home.zone_id
    evaluate_target_health = true
  }
}
