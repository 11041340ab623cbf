# What a worker may do with queues, bucket and their keys, wherever it runs, and
# nothing else: it runs strangers' flows. An instance, an ECS task and a pod get
# it from here, so that none of them lacks what another one has.

locals {
  receives = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
  sends    = ["sqs:GetQueueUrl", "sqs:SendMessage"]

  statements = concat(
    [
      { Sid = "JobsOfThisLocation", Effect = "Allow", Action = local.receives, Resource = var.jobs },
      { Sid = "Results", Effect = "Allow", Action = local.sends, Resource = [var.results] },
    ],
    # A candidate takes copies, and sends what it finds to where nothing counts.
    var.shadow == null ? [] : [
      { Sid = "CopiesOfJobs", Effect = "Allow", Action = local.receives, Resource = var.shadow.jobs },
      { Sid = "ResultsOfCandidates", Effect = "Allow", Action = local.sends, Resource = [var.shadow.results] },
    ],
    # Whoever sends makes data keys, and opens one to use it again.
    var.queue_kms_key_arn == null ? [] : [
      { Sid = "KeyOfTheQueues", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.queue_kms_key_arn] },
    ],
    var.artifacts == null ? [] : [
      { Sid = "Artifacts", Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${var.artifacts.bucket_arn}/runs/*"] },
      { Sid = "KeyOfArtifacts", Effect = "Allow", Action = ["kms:GenerateDataKey"], Resource = [var.artifacts.kms_key_arn] },
    ],
  )
}
