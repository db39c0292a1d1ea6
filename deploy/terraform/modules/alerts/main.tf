variable "project" {
  description = "Whose jobs and endpoints."
  type        = string
}

variable "alerts" {
  description = "Who is told, and the projects with endpoints."
  type        = object({ mail = list(string), endpoints = list(string) })
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

locals {
  channels = [for one in google_monitoring_notification_channel.mail : one.id]
}

resource "google_monitoring_notification_channel" "mail" {
  for_each = toset(var.alerts.mail)

  project      = var.project
  display_name = each.value
  type         = "email"
  labels       = { email_address = each.value }
  user_labels  = var.labels
}

resource "google_monitoring_alert_policy" "job_failed" {
  count = length(var.alerts.mail) > 0 ? 1 : 0

  project               = var.project
  display_name          = "Millrace: a pipeline job failed"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "the job's log says so"
    condition_matched_log {
      filter = "resource.type=\"aiplatform.googleapis.com/PipelineJob\" AND jsonPayload.state=\"PIPELINE_STATE_FAILED\""
    }
  }

  # A condition on logs must say how often it tells.
  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
    auto_close = "604800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "millrace jobs show tells which stage failed; the run book says what to do."
  }
}

# Metrics of an endpoint are in its own project, and so is the policy; a channel of another project cannot be named there.
resource "google_monitoring_alert_policy" "endpoint_errors" {
  for_each = toset([for one in var.alerts.endpoints : one if one == var.project && length(var.alerts.mail) > 0])

  project               = each.value
  display_name          = "Millrace: an endpoint answers with errors"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "errors for ten minutes"
    condition_threshold {
      filter          = "resource.type=\"aiplatform.googleapis.com/Endpoint\" AND metric.type=\"aiplatform.googleapis.com/prediction/online/error_count\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "600s"
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.endpoint_id"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "millrace models rollback goes back to the version before; the run book says when."
  }
}

output "channels" {
  description = "The channels, for the budget too."
  value       = local.channels
}
