variable "number" {
  description = "The project's number."
  type        = string
}

variable "project" {
  description = "The project's id, for the budget's name."
  type        = string
}

variable "budgets" {
  description = "A month's budget."
  type        = list(object({ billing_account = string, dollars = number }))
}

variable "channels" {
  description = "Who is told beside the account's administrators; five at most, as the service has it."
  type        = list(string)
}

resource "google_billing_budget" "month" {
  for_each = { for one in var.budgets : one.billing_account => one }

  billing_account = each.value.billing_account
  display_name    = "Millrace: ${var.project}"

  budget_filter {
    projects        = ["projects/${var.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = "USD"
      units         = each.value.dollars
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  dynamic "all_updates_rule" {
    for_each = length(var.channels) > 0 ? [slice(var.channels, 0, min(5, length(var.channels)))] : []
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
}
