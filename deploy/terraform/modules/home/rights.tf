# Least rights, command by command. The scheduler cannot receive, the recorder
# cannot send, the console takes what is dead alone, and what faces the internet
# has no right at all.

locals {
  # Whoever sends makes data keys, and opens one to use it again; whoever only
  # receives opens them.
  queue_key = { for use, actions in { send = ["kms:Decrypt", "kms:GenerateDataKey"], receive = ["kms:Decrypt"] } : use =>
    var.queues.kms_key_arn == null ? [] : [{ Sid = "KeyOfTheQueues", Effect = "Allow", Action = actions, Resource = [var.queues.kms_key_arn] }]
  }
  # Those of the copies are counted and seen to like others; see shadow.tf.
  dead        = concat(var.queues.dead, flatten([for c in local.copied : c.dead]))
  list_queues = { Sid = "ListQueues", Effect = "Allow", Action = ["sqs:ListQueues"], Resource = ["*"] }

  rights = {
    # It sends jobs, asks how many wait, and says how many workers are wanted.
    scheduler = concat([
      { Sid = "Jobs", Effect = "Allow", Action = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"], Resource = var.queues.jobs },
      {
        Sid       = "WantedCapacity"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"]
        Condition = { StringEquals = { "cloudwatch:namespace" = var.metrics_namespace } }
      },
    ], local.shadow_rights.scheduler, local.queue_key.send)

    # It receives results, and counts dead letters without touching them.
    recorder = concat([
      {
        Sid      = "Results"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        Resource = [var.queues.results]
      },
      { Sid = "CountDeadLetters", Effect = "Allow", Action = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"], Resource = local.dead },
      local.list_queues,
    ], local.shadow_rights.recorder, local.queue_key.receive)

    # It sees to dead letters: looks, discards, and sends them back.
    console = concat([
      {
        Sid    = "DeadLetters"
        Effect = "Allow"
        Action = [
          "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
          "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks",
        ]
        Resource = local.dead
      },
      {
        Sid      = "Redrive"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"]
        Resource = concat(var.queues.jobs, [var.queues.results])
      },
      local.list_queues,
      ], local.shadow_rights.console, local.queue_key.send, var.artifacts == null ? [] : [
      { Sid = "Artifacts", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.artifacts.bucket_arn}/runs/*"] },
      # Without it S3 says "forbidden" of what age has removed, not "gone".
      { Sid = "WhichAreGone", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.artifacts.bucket_arn] },
      { Sid = "KeyOfArtifacts", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.artifacts.kms_key_arn] },
    ])

    # It faces the internet and speaks to the database alone.
    dashboard = []
  }

  tasks_trust = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role" "service" {
  for_each = local.admin

  name_prefix        = "${var.prefix}-${each.key}-"
  description        = "What the ${each.key} may do"
  assume_role_policy = local.tasks_trust
  tags               = var.tags
}

resource "aws_iam_role_policy" "service" {
  for_each = { for name, statements in local.rights : name => statements if length(statements) > 0 }

  name   = each.key
  role   = aws_iam_role.service[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

# What starts a task, before it is one: its image, its log, and its own secrets.
resource "aws_iam_role" "start" {
  for_each = local.admin

  name_prefix        = "${var.prefix}-${each.key}-start-"
  description        = "What starts the ${each.key}"
  assume_role_policy = local.tasks_trust
  tags               = var.tags
}

resource "aws_iam_role_policy" "start" {
  for_each = local.admin

  name = "start"
  role = aws_iam_role.start[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${var.log_group.arn}:*"] },
        { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = values(local.secrets[each.key]) },
      ],
      var.repository_arn == null ? [] : [
        { Sid = "Image", Effect = "Allow", Action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"], Resource = [var.repository_arn] },
        { Sid = "RegistryLogIn", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      ],
    )
  })
}
