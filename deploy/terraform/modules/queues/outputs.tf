output "prefix" {
  description = "What the commands are told as -queue-prefix."
  value       = var.prefix
}

output "jobs" {
  description = "Name and ARN of each queue of jobs, by \"LOCATION/CLASS\"."
  value = { for key, q in local.jobs : key => {
    location = q.location, class = q.class, name = q.name, arn = aws_sqs_queue.queue[key].arn, dead_arn = aws_sqs_queue.dead[key].arn
  } }
}

output "jobs_of" {
  description = "ARNs of the queues of jobs of each location."
  value = { for location, classes in var.locations : location => [
    for class in classes : aws_sqs_queue.queue["${location}/${class}"].arn
  ] }
}

output "results" {
  description = "Name and ARN of the queue of results."
  value       = { name = local.queues.results, arn = aws_sqs_queue.queue["results"].arn, dead_arn = aws_sqs_queue.dead["results"].arn }
}

output "dead_arns" {
  description = "ARNs of all dead-letter queues."
  value       = [for q in aws_sqs_queue.dead : q.arn]
}

output "kms_key_arn" {
  description = "Key that encrypts the messages, null for SQS's own."
  value       = var.kms_key_arn
}

output "alarms" {
  description = "ARNs of the alarms of all queues."
  value = concat(
    [for a in aws_cloudwatch_metric_alarm.age : a.arn],
    [for a in aws_cloudwatch_metric_alarm.dead : a.arn],
    [for a in aws_cloudwatch_metric_alarm.coverage : a.arn],
  )
}
