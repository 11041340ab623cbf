output "deployer" {
  description = "What the deployer's file names: groups and launch templates by location, cluster and services of the home, and alarms for gates."
  value = {
    locations = { for name, m in { frankfurt = module.frankfurt } : name => {
      region = local.regions[name], group = m.group, launch_template = m.launch_template, alarms = m.alarms
    } }
    home = { region = local.regions.frankfurt, cluster = module.home.cluster, services = module.home.services, alarms = module.home.alarms }
  }
}

output "database" {
  description = "Address of the database, and the secret of its master."
  value       = module.home.database
}
