# What the deployer may do with the services of the home, by itself: look,
# register a task with another image, and move a service to it.

locals {
  deployer_statements = [
    { Sid = "Look", Effect = "Allow", Action = ["cloudwatch:DescribeAlarms", "ecs:DescribeTaskDefinition"], Resource = ["*"] },
    {
      Sid      = "Services"
      Effect   = "Allow"
      Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
      Resource = [for name in keys(local.admin) : "arn:aws:ecs:${data.aws_region.here.region}:*:service/${aws_ecs_cluster.home.name}/${name}"]
    },
    {
      Sid      = "Tasks"
      Effect   = "Allow"
      Action   = ["ecs:RegisterTaskDefinition", "ecs:TagResource"]
      Resource = [for name in keys(local.admin) : "arn:aws:ecs:${data.aws_region.here.region}:*:task-definition/${var.prefix}-${name}:*"]
    },
    {
      Sid       = "RolesOfTheTasks"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = concat([for r in aws_iam_role.service : r.arn], [for r in aws_iam_role.start : r.arn])
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
  ]
}

output "deployer_policy" {
  description = "What the deployer needs to roll the services of the home forward, as a policy document."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.deployer_statements })
}
