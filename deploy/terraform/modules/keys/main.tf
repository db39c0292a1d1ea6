variable "keys" {
  description = "Keys of the configuration in projects of its own."
  type        = list(object({ project = string, location = string, ring = string, name = string }))
}

variable "grants" {
  description = "Roles as millrace iam lists them; NUMBER in a member or a resource stands for the number of a project."
  type = list(object({
    kind               = string
    resource           = string
    role               = string
    member             = string
    number_of          = string
    resource_number_of = string
  }))
}

variable "numbers" {
  description = "The number of each project, by its id."
  type        = map(string)
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

locals {
  rings = { for one in var.keys : "projects/${one.project}/locations/${one.location}/keyRings/${one.ring}" => one... }
}

resource "google_kms_key_ring" "used" {
  for_each = local.rings

  project  = each.value[0].project
  location = each.value[0].location
  name     = each.value[0].ring
}

resource "google_kms_crypto_key" "used" {
  for_each = { for one in var.keys : "projects/${one.project}/locations/${one.location}/keyRings/${one.ring}/cryptoKeys/${one.name}" => one }

  key_ring        = google_kms_key_ring.used["projects/${each.value.project}/locations/${each.value.location}/keyRings/${each.value.ring}"].id
  name            = each.value.name
  rotation_period = "7776000s" # 90 days
  labels          = var.labels

  # What was written with a key that is gone cannot be read by anybody.
  lifecycle {
    prevent_destroy = true
  }
}

# Each of Google's agents that stores data with a key, before the first thing is made that has it.
resource "google_kms_crypto_key_iam_member" "granted" {
  for_each = { for one in var.grants : join(" ", [one.member, one.number_of, one.role, one.resource]) => one if one.kind == "key" }

  crypto_key_id = each.value.resource
  role          = each.value.role
  member        = each.value.number_of == "" ? each.value.member : replace(each.value.member, "NUMBER", var.numbers[each.value.number_of])
  depends_on    = [google_kms_crypto_key.used]
}
