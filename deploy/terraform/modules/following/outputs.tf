output "metrics" {
  description = "What target tracking looks at, with 1 as its target: an expression, and the metrics in it, whose expression is null."
  value = concat(
    [{ id = "filled", label = "workers wanted for each that was asked for", expression = local.filled, stats = [] }],
    [for id, s in local.stats : { id = id, label = null, expression = null, stats = [s] }],
  )
}

# Bounds count from the alarm's threshold of 5 %; what a step adds is at least
# what is lacking.
output "steps" {
  description = "Steps in % of the capacity: the upper bound of what is lacking, and what is added, by the lower bound."
  value       = { 0 = [5, 10], 5 = [20, 25], 20 = [45, 50], 45 = [95, 100], 95 = [195, 200], 195 = [395, 400], 395 = [null, 900] }
}
