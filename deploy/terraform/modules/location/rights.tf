# What an instance may do: what its workers may, and what it needs to come and go
# by itself.

module "rights" {
  source = "../rights"

  jobs              = var.jobs
  results           = var.fleet.results
  shadow            = var.shadow
  queue_kms_key_arn = var.fleet.queue_kms_key_arn
  artifacts         = var.fleet.artifacts
}

locals {
  statements = concat(
    module.rights.statements,
    [
      {
        Sid      = "Lifecycle"
        Effect   = "Allow"
        Action   = ["autoscaling:CompleteLifecycleAction"]
        Resource = ["arn:aws:autoscaling:${data.aws_region.here.region}:*:autoScalingGroup:*:autoScalingGroupName/${local.name}"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${var.log_group.arn}:*"]
      },
    ],
    length(var.fleet.repository_arns) == 0 ? [] : [
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
        Resource = var.fleet.repository_arns
      },
      {
        Sid      = "RegistryLogIn"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
    ],
  )

  # What the deployer may do with this group, by itself.
  deployer_statements = [
    {
      Sid      = "Look"
      Effect   = "Allow"
      Action   = ["autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes", "cloudwatch:DescribeAlarms", "ec2:DescribeLaunchTemplateVersions"]
      Resource = ["*"]
    },
    {
      Sid      = "Refresh"
      Effect   = "Allow"
      Action   = ["autoscaling:StartInstanceRefresh", "autoscaling:CancelInstanceRefresh", "autoscaling:CreateOrUpdateTags"]
      Resource = ["arn:aws:autoscaling:${data.aws_region.here.region}:*:autoScalingGroup:*:autoScalingGroupName/${local.name}"]
    },
    {
      Sid      = "LaunchTemplate"
      Effect   = "Allow"
      Action   = ["ec2:CreateLaunchTemplateVersion"]
      Resource = [aws_launch_template.worker.arn]
    },
    # A refresh asks whether its caller may run what it starts. Without a launch
    # template, or by another one, it may run nothing.
    {
      Sid       = "InstancesOfTheTemplate"
      Effect    = "Allow"
      Action    = ["ec2:RunInstances"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "ec2:LaunchTemplate" = aws_launch_template.worker.arn } }
    },
    # The template names tags, so that who starts its instances tags them.
    {
      Sid       = "TagsOfTheInstances"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags"]
      Resource  = [for kind in ["instance", "volume"] : "arn:aws:ec2:${data.aws_region.here.region}:*:${kind}/*"]
      Condition = { StringEquals = { "ec2:CreateAction" = "RunInstances" } }
    },
    {
      Sid       = "ProfileOfTheInstances"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [aws_iam_role.worker.arn]
      Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
    },
  ]
}

resource "aws_iam_role" "worker" {
  name_prefix = substr("${local.name}-", 0, 38)
  description = "A worker of ${var.name}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_iam_instance_profile" "worker" {
  name_prefix = substr("${local.name}-", 0, 38)
  role        = aws_iam_role.worker.name
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}
