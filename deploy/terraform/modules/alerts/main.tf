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

# Metrics are in the project of what they measure, and so are the policies on them and the channels that these name.
locals {
  projects = distinct(concat([var.project], var.alerts.endpoints))
  told     = { for pair in setproduct(local.projects, var.alerts.mail) : join("/", pair) => { project = pair[0], mail = pair[1] } }
  channels = {
    for project in local.projects : project => [
      for key, one in google_monitoring_notification_channel.mail : one.id if local.told[key].project == project
    ]
  }
}

resource "google_monitoring_notification_channel" "mail" {
  for_each = local.told

  project      = each.value.project
  display_name = each.value.mail
  type         = "email"
  labels       = { email_address = each.value.mail }
  user_labels  = var.labels
}

resource "google_monitoring_alert_policy" "job_failed" {
  count = length(var.alerts.mail) > 0 ? 1 : 0

  project               = var.project
  display_name          = "Millrace: a pipeline job failed"
  combiner              = "OR"
  notification_channels = local.channels[var.project]
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

resource "google_monitoring_alert_policy" "endpoint_errors" {
  for_each = toset([for one in var.alerts.endpoints : one if length(var.alerts.mail) > 0])

  project               = each.value
  display_name          = "Millrace: an endpoint answers with errors"
  combiner              = "OR"
  notification_channels = local.channels[each.value]
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
  description = "The channels of the job's project, for the budget too."
  value       = local.channels[var.project]
}
