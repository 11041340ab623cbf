variables {
  jobs              = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api", "arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-browser"]
  results           = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results"
  queue_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/queues"
  artifacts         = { bucket_arn = "arn:aws:s3:::artifacts", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/artifacts" }
  shadow = {
    jobs    = ["arn:aws:sqs:eu-central-1:123456789012:probefleet-jobs-paris-api-shadow"]
    results = "arn:aws:sqs:eu-central-1:123456789012:probefleet-results-shadow"
  }
}

# Each call of docs/terraform.md, on what it is made, and no other.
run "what_a_worker_calls_and_nothing_else" {
  assert {
    condition = jsonencode(sort(flatten([
      for s in jsondecode(output.policy).Statement : [for a in s.Action : [for r in s.Resource : "${a} ${reverse(split(":", r))[0]}"]]
      ]))) == jsonencode(sort(concat(
      flatten([for q in ["probefleet-jobs-paris-api", "probefleet-jobs-paris-browser", "probefleet-jobs-paris-api-shadow"] :
        [for a in ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"] : "sqs:${a} ${q}"]
      ]),
      flatten([for q in ["probefleet-results", "probefleet-results-shadow"] : ["sqs:GetQueueUrl ${q}", "sqs:SendMessage ${q}"]]),
      ["kms:Decrypt key/queues", "kms:GenerateDataKey key/queues", "s3:PutObject artifacts/runs/*", "kms:GenerateDataKey key/artifacts"],
    )))
    error_message = "a worker may: ${output.policy}"
  }
}

run "nothing_of_what_is_not_there" {
  variables {
    queue_kms_key_arn = null
    artifacts         = null
    shadow            = null
  }
  assert {
    condition     = toset([for s in output.statements : s.Sid]) == toset(["JobsOfThisLocation", "Results"])
    error_message = "a worker may: ${output.policy}"
  }
}

run "a_worker_without_jobs_is_refused" {
  command = plan
  variables {
    jobs = []
  }
  expect_failures = [var.jobs]
}
