variable "settings" {
  description = "What millrace deploy vars writes."
  type = object({
    environment = string
    pipelines   = list(string)
    project     = string
    region      = string
    labels      = map(string)
    projects    = list(string)
    services    = list(string)
    accounts    = list(object({ project = string, account_id = string }))
    grants = list(object({
      kind               = string
      resource           = string
      role               = string
      member             = string
      number_of          = string
      resource_number_of = string
    }))
    keys = list(object({ project = string, location = string, ring = string, name = string }))
    buckets = list(object({
      project        = string
      location       = string
      name           = string
      key            = string
      temporary      = list(string)
      temporary_days = number
      old_days       = number
    }))
    repositories = list(object({
      project  = string
      location = string
      name     = string
      format   = string
      key      = string
    }))
    secrets      = list(object({ project = string, name = string, key = string, location = string }))
    logs         = list(object({ dataset = string, location = string, key = string }))
    tensorboards = list(object({ name = string, region = string, key = string }))
    alerts       = object({ mail = list(string), endpoints = list(string) })
    budgets      = list(object({ billing_account = string, dollars = number }))
    networks = list(object({
      name           = string
      subnetwork     = string
      region         = string
      range          = string
      peering        = string
      peering_prefix = number
    }))
    triggers = list(object({
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
  })
}
