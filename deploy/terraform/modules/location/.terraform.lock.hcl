# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "6.47.1"
  constraints = ">= 6.0.0, < 7.0.0"
  hashes = [
    "h1:VALx2gsAYLzk2v5/LkDflznUmkTy5PPcytZ/2+Hpbug=",
  ]
}
