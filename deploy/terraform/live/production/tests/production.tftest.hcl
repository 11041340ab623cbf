mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

mock_provider "aws" {
  alias = "paris"
  mock_data "aws_region" {
    defaults = { region = "eu-west-3" }
  }
}

mock_provider "aws" {
  alias = "virginia"
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }
}

variables {
  release       = "3f2a000000000000000000000000000000000000"
  control_image = "registry.example/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  worker_image  = "registry.example/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  home_network  = { vpc_id = "vpc-1", public_subnets = ["subnet-1", "subnet-2"], private_subnets = ["subnet-3", "subnet-4"] }
  locations = { for name in ["frankfurt", "paris", "virginia"] : name => {
    ami = "ami-0123456789abcdef0", vpc_id = "vpc-1", subnet_ids = ["subnet-3", "subnet-4"], instances = { min = 1, max = 4 }
  } }
  zone_id      = "Z1"
  status_host  = "status.example.com"
  console_host = "probefleet.example.com"
  console_from = ["198.51.100.0/24"]
  database_urls = { for name in ["scheduler", "recorder", "console", "dashboard"] :
    name => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}"
  }
  artifacts_bucket = "example-probefleet-production"
  told             = ["ops@example.com"]
}

run "every_location_has_its_queues_and_its_group" {
  assert {
    condition     = toset(keys(module.queues.jobs_of)) == toset(["frankfurt", "paris", "virginia"]) && alltrue([for arns in module.queues.jobs_of : length(arns) == 2])
    error_message = "queues: ${jsonencode(module.queues.jobs_of)}"
  }
  assert {
    condition     = { for name, l in output.deployer.locations : name => l.group } == { frankfurt = "probefleet-workers-frankfurt", paris = "probefleet-workers-paris", virginia = "probefleet-workers-virginia" }
    error_message = "groups: ${jsonencode(output.deployer)}"
  }
}

run "every_location_may_put_artifacts" {
  assert {
    condition     = length(local.writers) == length(local.regions) && keys(local.workers) == keys(local.regions)
    error_message = "a location is missing in one of the lists of main.tf"
  }
}

run "workers_speak_to_the_queues_of_the_home" {
  assert {
    condition     = alltrue([for text in [module.paris.user_data, module.virginia.user_data] : strcontains(text, "AWS_REGION=eu-central-1\n") || strcontains(text, "AWS_REGION=eu-central-1\\n")])
    error_message = "a location looks for its queues in its own region"
  }
  assert {
    condition     = strcontains(module.paris.user_data, "PROBEFLEET_REGION=eu-west-3")
    error_message = "an instance speaks to its group in another region"
  }
}

run "gates_have_alarms" {
  assert {
    condition     = alltrue([for l in output.deployer.locations : length(l.alarms) >= 3]) && length(output.deployer.home.alarms) >= 6
    error_message = "alarms: ${jsonencode(output.deployer)}"
  }
}
