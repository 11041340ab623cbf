output "topic_arn" {
  description = "Topic for the alarms of this region."
  value       = aws_sns_topic.alarms.arn
}

output "logs" {
  description = "Name and ARN of each log group."
  value       = { for key, g in aws_cloudwatch_log_group.logs : key => { name = g.name, arn = g.arn } }
}
