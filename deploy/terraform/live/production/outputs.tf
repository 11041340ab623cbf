output "deployer" {
  description = "What the deployer's file names: groups and launch templates by location, cluster and services of the home, and alarms for gates."
  value = {
    locations = { for name, w in local.workers : name => {
      region = local.regions[name], group = w.group, launch_template = w.launch_template, alarms = w.alarms
    } }
    home = { region = local.regions[local.home], cluster = module.home.cluster, services = module.home.services, alarms = module.home.alarms }
  }
}

output "database" {
  description = "Address of the database, and the secret of its master."
  value       = module.home.database
}
