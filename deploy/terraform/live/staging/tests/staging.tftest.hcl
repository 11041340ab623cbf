mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  release       = "3f2a000000000000000000000000000000000000"
  control_image = "registry.example/probefleet/control@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  worker_image  = "registry.example/probefleet/worker@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  home_network  = { vpc_id = "vpc-1", public_subnets = ["subnet-1", "subnet-2"], private_subnets = ["subnet-3", "subnet-4"] }
  locations = { for name in ["frankfurt"] : name => {
    ami = "ami-0123456789abcdef0", vpc_id = "vpc-1", subnet_ids = ["subnet-3", "subnet-4"], instances = { min = 1, max = 4 }
  } }
  zone_id      = "Z1"
  status_host  = "status.example.com"
  console_host = "probefleet.example.com"
  console_from = ["198.51.100.0/24"]
  database_urls = { for name in ["scheduler", "recorder", "console", "dashboard"] :
    name => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}"
  }
  artifacts_bucket = "example-probefleet-staging"
  told             = ["ops@example.com"]
}

run "one_location_smaller" {
  assert {
    condition     = keys(output.deployer.locations) == ["frankfurt"] && output.deployer.locations.frankfurt.group == "probefleet-stg-workers-frankfurt"
    error_message = "locations: ${jsonencode(output.deployer.locations)}"
  }
  assert {
    condition     = jsondecode([for f in yamldecode(module.frankfurt.user_data).write_files : f.content if f.path == "/etc/probefleet/instance.json"][0]).count == 2
    error_message = "staging has the size of production"
  }
}

run "nothing_of_production_is_named" {
  assert {
    condition     = alltrue([for q in module.queues.jobs : startswith(q.name, "probefleet-stg-")])
    error_message = "queues: ${jsonencode(module.queues.jobs)}"
  }
}
