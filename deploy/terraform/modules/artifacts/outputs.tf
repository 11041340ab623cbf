output "store" {
  description = "What the modules location and home are told: the URL for -artifacts, and what rights on it speak of."
  value = {
    url         = "s3://${aws_s3_bucket.artifacts.bucket}?region=${data.aws_region.here.region}"
    bucket_arn  = aws_s3_bucket.artifacts.arn
    kms_key_arn = aws_kms_key.artifacts.arn
  }
}
