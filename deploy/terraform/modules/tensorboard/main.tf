variable "project" {
  description = "Where the dashboards are."
  type        = string
}

variable "tensorboards" {
  description = "Vertex AI TensorBoards."
  type        = list(object({ name = string, region = string, key = string }))
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
}

resource "google_vertex_ai_tensorboard" "board" {
  for_each = { for one in var.tensorboards : one.name => one }

  project      = var.project
  region       = each.value.region
  display_name = each.value.name
  labels       = var.labels

  dynamic "encryption_spec" {
    for_each = each.value.key == "" ? [] : [each.value.key]
    content {
      kms_key_name = encryption_spec.value
    }
  }
}
