output "cluster" {
  description = "Name of the cluster, for the deployer's file."
  value       = aws_ecs_cluster.home.name
}

output "services" {
  description = "Names of the services, for the deployer's file."
  value       = { for name, s in aws_ecs_service.service : name => s.name }
}

output "database" {
  description = "Address of the database, and the secret with its master password: for making the roles of the services."
  value = {
    address           = aws_db_instance.database.address
    port              = aws_db_instance.database.port
    name              = aws_db_instance.database.db_name
    master_secret_arn = try(aws_db_instance.database.master_user_secret[0].secret_arn, null)
  }
}

output "console_role_arn" {
  description = "Role of the console, a reader of artifacts."
  value       = aws_iam_role.service["console"].arn
}

output "alarms" {
  description = "Names of the alarms that speak of the home's health: gates for the deployer."
  value       = [for a in concat(values(aws_cloudwatch_metric_alarm.tasks), values(aws_cloudwatch_metric_alarm.watched)) : a.alarm_name]
}
