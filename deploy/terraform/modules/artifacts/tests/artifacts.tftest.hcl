mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  bucket  = "example-probefleet-artifacts"
  writers = ["arn:aws:iam::123456789012:role/worker"]
  readers = ["arn:aws:iam::123456789012:role/console"]
}

run "private_and_encrypted" {
  assert {
    condition = (
      aws_s3_bucket_public_access_block.artifacts.block_public_acls && aws_s3_bucket_public_access_block.artifacts.block_public_policy &&
      aws_s3_bucket_public_access_block.artifacts.ignore_public_acls && aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets
    )
    error_message = "the bucket may become public"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.artifacts.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" && aws_kms_key.artifacts.enable_key_rotation
    error_message = "artifacts are not encrypted with a key of their own that is rotated"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.artifacts.policy).Statement[0].Effect == "Deny"
    error_message = "the bucket may be spoken to in clear"
  }
  assert {
    condition     = { for s in jsondecode(aws_kms_key.artifacts.policy).Statement : s.Sid => s.Action } == { Administration = "kms:*", Writers = "kms:GenerateDataKey", Readers = "kms:Decrypt" }
    error_message = "the key serves others, or for more"
  }
}

run "age_removes" {
  variables {
    days = 14
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.artifacts.rule[0].expiration[0].days == 14 && aws_s3_bucket_lifecycle_configuration.artifacts.rule[0].filter[0].prefix == "runs/"
    error_message = "artifacts are not removed after 14 days"
  }
}

run "the_url_is_what_commands_take" {
  assert {
    condition     = output.store.url == "s3://example-probefleet-artifacts?region=eu-central-1"
    error_message = "url: ${output.store.url}"
  }
}

run "a_bucket_of_no_name_is_refused" {
  command = plan
  variables {
    bucket = "Artifacts_"
  }
  expect_failures = [var.bucket]
}
