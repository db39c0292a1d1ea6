variable "project" {
  description = "Whose logs."
  type        = string
}

variable "logs" {
  description = "The BigQuery dataset that gets them."
  type        = list(object({ dataset = string, location = string, key = string }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

locals {
  logs = { for one in var.logs : one.dataset => one }
}

resource "google_bigquery_dataset" "logs" {
  for_each = local.logs

  project                    = var.project
  dataset_id                 = each.value.dataset
  location                   = each.value.location
  labels                     = var.labels
  delete_contents_on_destroy = false

  dynamic "default_encryption_configuration" {
    for_each = each.value.key == "" ? [] : [each.value.key]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }
}

resource "google_logging_project_sink" "jobs" {
  for_each = local.logs

  project     = var.project
  name        = "millrace-${replace(each.value.dataset, "_", "-")}"
  destination = "bigquery.googleapis.com/${google_bigquery_dataset.logs[each.key].id}"
  filter = join(" OR ", [
    "resource.type=\"aiplatform.googleapis.com/PipelineJob\"",
    "resource.type=\"aiplatform.googleapis.com/Endpoint\"",
    "resource.type=\"ml_job\"",
    "resource.type=\"dataflow_step\"",
  ])
  unique_writer_identity = true

  bigquery_options {
    use_partitioned_tables = true
  }
}

resource "google_bigquery_dataset_iam_member" "sink" {
  for_each = local.logs

  project    = var.project
  dataset_id = google_bigquery_dataset.logs[each.key].dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_logging_project_sink.jobs[each.key].writer_identity
}
