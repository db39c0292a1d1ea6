# The environment dev: docs/guides/infrastructure.md. Its values are written by: millrace deploy vars --env dev
terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
  # terraform init -backend-config=bucket=BUCKET
  backend "gcs" {
    prefix = "millrace/dev"
  }
}

provider "google" {
  project               = var.settings.project
  region                = var.settings.region
  billing_project       = var.settings.project
  user_project_override = true
}

# Its type is that of the module: one place says it.
variable "settings" {
  description = "All that the configuration says of this environment."
  type        = any
}

module "environment" {
  source   = "../../modules/environment"
  settings = var.settings
}
