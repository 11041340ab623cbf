output "statements" {
  description = "Statements for the policy of a role that has others beside them."
  value       = local.statements
}

output "policy" {
  description = "The same as a policy document, for a role of yours, such as that of a pod."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
