#!/bin/sh
# Terraform's modules and stages: initialised, validated and tested. With the
# check that stands in for the AWS provider, where CHECK names it, without a
# network; else with the provider itself, which is downloaded.
set -eu
cd "$(dirname "$0")/.."
folders="$(echo deploy/terraform/modules/* deploy/terraform/live/* deploy/ecs)"

if ! command -v terraform >/dev/null; then
	echo "Terraform's modules were NOT tested: there is no terraform here; install 1.11 or newer"
	exit 0
fi
terraform fmt -check -recursive deploy || {
	echo "run terraform fmt -recursive deploy"
	exit 1
}
if [ -n "${CHECK:-}" ] && [ -x "$CHECK" ]; then
	# shellcheck disable=SC2086 # one word a folder
	exec "$CHECK" $folders
fi
for folder in $folders; do
	echo "== $folder"
	TF_DATA_DIR=$(mktemp -d)
	export TF_DATA_DIR
	terraform -chdir="$folder" init -backend=false -input=false -no-color >/dev/null
	terraform -chdir="$folder" validate -no-color
	terraform -chdir="$folder" test -no-color
	rm -rf "$TF_DATA_DIR" "$folder/.terraform.lock.hcl"
done
