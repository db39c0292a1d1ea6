variable "grants" {
  description = "Roles as millrace iam lists them; NUMBER in a member or a resource stands for the number of a project."
  type = list(object({
    kind               = string
    resource           = string
    role               = string
    member             = string
    number_of          = string
    resource_number_of = string
  }))
}

variable "numbers" {
  description = "The number of each project, by its id."
  type        = map(string)
}

locals {
  grants = { for one in var.grants : join(" ", [one.member, one.number_of, one.role, one.resource, one.resource_number_of]) => {
    kind     = one.kind
    resource = one.resource_number_of == "" ? one.resource : replace(one.resource, "NUMBER", var.numbers[one.resource_number_of])
    role     = one.role
    member   = one.number_of == "" ? one.member : replace(one.member, "NUMBER", var.numbers[one.number_of])
  } }
}

resource "google_project_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "project" }

  project = trimprefix(each.value.resource, "projects/")
  role    = each.value.role
  member  = each.value.member
}

resource "google_storage_bucket_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "bucket" }

  bucket = trimprefix(each.value.resource, "gs://")
  role   = each.value.role
  member = each.value.member
}

resource "google_service_account_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "account" }

  service_account_id = each.value.resource
  role               = each.value.role
  member             = each.value.member
}

resource "google_artifact_registry_repository_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "repository" }

  # projects/PROJECT/locations/LOCATION/repositories/NAME
  project    = split("/", each.value.resource)[1]
  location   = split("/", each.value.resource)[3]
  repository = split("/", each.value.resource)[5]
  role       = each.value.role
  member     = each.value.member
}

resource "google_secret_manager_secret_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "secret" }

  # projects/PROJECT/secrets/NAME
  project   = split("/", each.value.resource)[1]
  secret_id = split("/", each.value.resource)[3]
  role      = each.value.role
  member    = each.value.member
}

resource "google_bigquery_dataset_iam_member" "granted" {
  for_each = { for key, one in local.grants : key => one if one.kind == "dataset" }

  # projects/PROJECT/datasets/NAME
  project    = split("/", each.value.resource)[1]
  dataset_id = split("/", each.value.resource)[3]
  role       = each.value.role
  member     = each.value.member
}
