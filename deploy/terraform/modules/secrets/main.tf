variable "secrets" {
  description = "Secrets that the job reads, by name: their values are added by who knows them, and are in no state."
  type        = list(object({ project = string, name = string, key = string, location = string }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

resource "google_secret_manager_secret" "read" {
  for_each = { for one in var.secrets : "${one.project}/${one.name}" => one }

  project   = each.value.project
  secret_id = each.value.name
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = each.value.location
        dynamic "customer_managed_encryption" {
          for_each = each.value.key == "" ? [] : [each.value.key]
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }
}
