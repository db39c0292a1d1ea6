variable "project" {
  description = "Where the network is."
  type        = string
}

variable "networks" {
  description = "The network that the configuration names; none where it names none."
  type = list(object({
    name           = string
    subnetwork     = string
    region         = string
    range          = string
    peering        = string
    peering_prefix = number
  }))
}

locals {
  networks = { for one in var.networks : one.name => one }
}

resource "google_compute_network" "private" {
  for_each = local.networks

  project                 = var.project
  name                    = each.value.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "private" {
  for_each = local.networks

  project                  = var.project
  region                   = each.value.region
  name                     = each.value.subnetwork
  network                  = google_compute_network.private[each.key].id
  ip_cidr_range            = each.value.range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Dataflow's workers talk to each other on these ports, and to nothing else in the network.
resource "google_compute_firewall" "dataflow" {
  for_each = local.networks

  project     = var.project
  name        = "${each.value.name}-dataflow"
  network     = google_compute_network.private[each.key].id
  direction   = "INGRESS"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

# Vertex AI's machines get their addresses out of this range, and are peered with the network.
resource "google_compute_global_address" "peering" {
  for_each = local.networks

  project       = var.project
  name          = each.value.peering
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = each.value.peering_prefix
  network       = google_compute_network.private[each.key].id
}

resource "google_service_networking_connection" "peering" {
  for_each = local.networks

  network                 = google_compute_network.private[each.key].id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.peering[each.key].name]
}
