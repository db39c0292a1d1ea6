variable "projects" {
  description = "Projects in which something is made."
  type        = list(string)
}

variable "services" {
  description = "Google's services that the job uses."
  type        = list(string)
}

resource "google_project_service" "used" {
  for_each = { for one in setproduct(var.projects, var.services) : join("/", one) => one }

  project = each.value[0]
  service = each.value[1]
  # Others in the project may use it too.
  disable_on_destroy = false
}
