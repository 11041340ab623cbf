output "group" {
  description = "Name of the auto-scaling group, for the deployer's file."
  value       = aws_autoscaling_group.worker.name
}

output "launch_template" {
  description = "Id of the launch template, for the deployer's template_version."
  value       = aws_launch_template.worker.id
}

output "role_arn" {
  description = "ARN of the workers' role, for the policies of keys and buckets elsewhere."
  value       = aws_iam_role.worker.arn
}

output "deployer_policy" {
  description = "What the deployer needs to roll this location forward, as a policy document."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.deployer_statements })
}

output "alarms" {
  description = "Names of the alarms that speak of this location's health: gates for the deployer."
  value = concat(
    [for a in aws_cloudwatch_metric_alarm.workers : a.alarm_name],
    [aws_cloudwatch_metric_alarm.instances.alarm_name, aws_cloudwatch_metric_alarm.most.alarm_name],
  )
}

output "user_data" {
  description = "What an instance does at its first boot, in clear."
  value       = local.user_data
}

output "instance" {
  description = "The file of an instance, /etc/probefleet/instance.json."
  value       = local.instance
}
