variable "project" {
  description = "Where the topic, the schedule and the function are."
  type        = string
}

variable "numbers" {
  description = "The numbers of projects, by which Google's own agents are named."
  type        = map(string)
}

variable "environment" {
  description = "That the function starts runs of."
  type        = string
}

variable "triggers" {
  description = "A pipeline each, with when it starts and the function's code."
  type = list(object({
    pipeline    = string
    cron        = string
    time_zone   = string
    data_bucket = string
    data_of     = string
    bucket      = string
    object      = string
    entry_point = string
    runtime     = string
    account     = string
    location    = string
    key         = string
    config      = string
  }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

locals {
  triggers = { for one in var.triggers : one.pipeline => one }
  timed    = { for name, one in local.triggers : name => one if one.cron != "" }
  watching = { for name, one in local.triggers : name => one if one.data_bucket != "" }
}

resource "google_pubsub_topic" "triggers" {
  # checkov:skip=CKV_GCP_83:The key is the configuration's, where it names one; checkov reads the value as unknown.
  for_each = local.triggers

  project                    = var.project
  name                       = "millrace-${each.key}-triggers"
  kms_key_name               = each.value.key == "" ? null : each.value.key
  labels                     = var.labels
  message_retention_duration = "86400s"

  message_storage_policy {
    allowed_persistence_regions = [each.value.location]
  }
}

resource "google_cloud_scheduler_job" "timed" {
  for_each = local.timed

  project   = var.project
  region    = each.value.location
  name      = "millrace-${each.key}"
  schedule  = each.value.cron
  time_zone = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.triggers[each.key].id
    data       = base64encode(jsonencode({ pipeline = each.key, because = "its time has come: ${each.value.cron}", who = "Cloud Scheduler" }))
  }
}

# New files of the bucket that the data is read from; the agent of its own project tells of them.
resource "google_pubsub_topic_iam_member" "storage" {
  for_each = local.watching

  project = var.project
  topic   = google_pubsub_topic.triggers[each.key].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${var.numbers[each.value.data_of]}@gs-project-accounts.iam.gserviceaccount.com"
}

resource "google_storage_notification" "new_files" {
  for_each = local.watching

  bucket         = each.value.data_bucket
  topic          = google_pubsub_topic.triggers[each.key].id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE"]
  depends_on     = [google_pubsub_topic_iam_member.storage]
}

# With a key of one's own the function's image must lie in a repository with that key.
resource "google_artifact_registry_repository" "function" {
  # checkov:skip=CKV_GCP_84:The key is the configuration's, where it names one; checkov reads the value as unknown.
  for_each = { for name, one in local.triggers : name => one if one.key != "" }

  project       = var.project
  location      = each.value.location
  repository_id = "millrace-${each.key}-start"
  format        = "DOCKER"
  kms_key_name  = each.value.key
  labels        = var.labels
}

resource "google_cloudfunctions2_function" "start" {
  for_each = local.triggers

  project      = var.project
  location     = each.value.location
  name         = "millrace-${each.key}-start"
  description  = "Starts a run of ${each.key} where its triggers say so."
  kms_key_name = each.value.key == "" ? null : each.value.key
  labels       = var.labels

  build_config {
    runtime     = each.value.runtime
    entry_point = each.value.entry_point

    docker_repository = each.value.key == "" ? null : google_artifact_registry_repository.function[each.key].id

    source {
      storage_source {
        bucket = each.value.bucket
        object = each.value.object
      }
    }
  }

  service_config {
    available_memory               = "2Gi"
    available_cpu                  = "1"
    timeout_seconds                = 540
    max_instance_count             = 1
    ingress_settings               = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision = true
    service_account_email          = each.value.account
    environment_variables          = { MILLRACE_ENV = var.environment, MILLRACE_CONFIG = "conf/${each.value.config}", MILLRACE_JOB = "job.json" }
  }

  # What comes too early, while a run goes on or in the cool-down, is held back by a fault, and comes again.
  event_trigger {
    trigger_region        = each.value.location
    event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
    pubsub_topic          = google_pubsub_topic.triggers[each.key].id
    retry_policy          = "RETRY_POLICY_RETRY"
    service_account_email = each.value.account
  }
}

# The event's way to the function: it is invoked as its own account.
resource "google_cloud_run_service_iam_member" "invoker" {
  for_each = local.triggers

  project  = var.project
  location = each.value.location
  service  = google_cloudfunctions2_function.start[each.key].name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${each.value.account}"
}
