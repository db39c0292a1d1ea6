# Everything of one environment. A list that is empty makes nothing.
locals {
  labels = merge({ managed_by = "terraform", environment = var.settings.environment }, var.settings.labels)
  # Google's own agents are named by the number of their project.
  numbered = toset(compact(concat(
    [var.settings.project],
    [for one in var.settings.grants : one.number_of],
    [for one in var.settings.grants : one.resource_number_of],
    [for one in var.settings.triggers : one.data_of],
  )))
  numbers = { for id, one in data.google_project.numbered : id => one.number }
}

data "google_project" "numbered" {
  for_each   = local.numbered
  project_id = each.value
}

module "services" {
  source   = "../services"
  projects = var.settings.projects
  services = var.settings.services
}

module "accounts" {
  source     = "../accounts"
  accounts   = var.settings.accounts
  depends_on = [module.services]
}

module "keys" {
  source     = "../keys"
  keys       = var.settings.keys
  grants     = var.settings.grants
  numbers    = local.numbers
  labels     = local.labels
  depends_on = [module.services, module.accounts]
}

module "buckets" {
  source     = "../buckets"
  buckets    = var.settings.buckets
  labels     = local.labels
  depends_on = [module.keys]
}

module "registry" {
  source       = "../registry"
  repositories = var.settings.repositories
  labels       = local.labels
  depends_on   = [module.keys]
}

module "secrets" {
  source     = "../secrets"
  secrets    = var.settings.secrets
  labels     = local.labels
  depends_on = [module.keys]
}

module "grants" {
  source     = "../grants"
  grants     = var.settings.grants
  numbers    = local.numbers
  depends_on = [module.accounts, module.buckets, module.registry, module.secrets]
}

module "logs" {
  source     = "../logs"
  project    = var.settings.project
  logs       = var.settings.logs
  labels     = local.labels
  depends_on = [module.keys]
}

module "tensorboard" {
  source       = "../tensorboard"
  project      = var.settings.project
  tensorboards = var.settings.tensorboards
  labels       = local.labels
  depends_on   = [module.keys]
}

module "alerts" {
  source     = "../alerts"
  project    = var.settings.project
  alerts     = var.settings.alerts
  labels     = local.labels
  depends_on = [module.services]
}

module "budget" {
  source   = "../budget"
  number   = local.numbers[var.settings.project]
  project  = var.settings.project
  budgets  = var.settings.budgets
  channels = module.alerts.channels
}

module "network" {
  source     = "../network"
  project    = var.settings.project
  networks   = var.settings.networks
  depends_on = [module.services]
}

module "trigger" {
  source      = "../trigger"
  project     = var.settings.project
  numbers     = local.numbers
  environment = var.settings.environment
  triggers    = var.settings.triggers
  labels      = local.labels
  depends_on  = [module.grants]
}
