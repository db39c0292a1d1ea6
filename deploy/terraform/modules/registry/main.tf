variable "repositories" {
  description = "Repositories of Artifact Registry: the job's images (DOCKER), and templates (KFP)."
  type = list(object({
    project  = string
    location = string
    name     = string
    format   = string
    key      = string
  }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:The key is the configuration's, where it names one; checkov reads the value as unknown.
  for_each = { for one in var.repositories : "${one.project}/${one.location}/${one.name}" => one if one.format == "DOCKER" }

  project       = each.value.project
  location      = each.value.location
  repository_id = each.value.name
  format        = "DOCKER"
  kms_key_name  = each.value.key == "" ? null : each.value.key
  labels        = var.labels

  # A tag never moves; a release names images by their digest all the same.
  docker_config {
    immutable_tags = true
  }
}

resource "google_artifact_registry_repository" "templates" {
  # checkov:skip=CKV_GCP_84:The key is the configuration's, where it names one; checkov reads the value as unknown.
  for_each = { for one in var.repositories : "${one.project}/${one.location}/${one.name}" => one if one.format == "KFP" }

  project       = each.value.project
  location      = each.value.location
  repository_id = each.value.name
  format        = "KFP"
  kms_key_name  = each.value.key == "" ? null : each.value.key
  labels        = var.labels
}
