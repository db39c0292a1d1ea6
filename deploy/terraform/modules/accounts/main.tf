variable "accounts" {
  description = "Service accounts, by their project and the part of their address before the @."
  type        = list(object({ project = string, account_id = string }))
}

# No keys of their own: whoever may act as one of them does it by a role.
resource "google_service_account" "used" {
  for_each = { for one in var.accounts : "${one.account_id}@${one.project}" => one }

  project      = each.value.project
  account_id   = each.value.account_id
  display_name = "Millrace: ${each.value.account_id}"
}
