variable "buckets" {
  description = "Buckets that the job writes into."
  type = list(object({
    project        = string
    location       = string
    name           = string
    key            = string
    temporary      = list(string)
    temporary_days = number
    old_days       = number
  }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

resource "google_storage_bucket" "written" {
  # checkov:skip=CKV_GCP_62:Data access is in Cloud Audit Logs, where an organisation switches it on for all buckets; a bucket of logs for each would need another.
  for_each = { for one in var.buckets : one.name => one }

  project                     = each.value.project
  name                        = each.value.name
  location                    = each.value.location
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  dynamic "encryption" {
    for_each = each.value.key == "" ? [] : [each.value.key]
    content {
      default_kms_key_name = encryption.value
    }
  }

  # Folders for what is temporary are emptied. Without a prefix the rule would be on every object: data, models, runs.
  dynamic "lifecycle_rule" {
    for_each = length(each.value.temporary) == 0 ? [] : [each.value.temporary]
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = each.value.temporary_days
        matches_prefix = lifecycle_rule.value
      }
    }
  }

  # What was replaced or deleted stays for a while.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = each.value.old_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }
}
