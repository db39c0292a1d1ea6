"""What Google Cloud offers to Vertex AI and Dataflow, as it was on `DATE`: the one file to renew when it has grown.

Sources: https://cloud.google.com/vertex-ai/docs/training/configure-compute (machine types, and the GPUs that go with
each), https://cloud.google.com/vertex-ai/docs/predictions/configure-compute (the same for endpoints),
https://cloud.google.com/compute/docs/machine-resource (sizes of each family),
https://cloud.google.com/vertex-ai/docs/pipelines/machine-types (limits of a pipeline's step),
https://cloud.google.com/vertex-ai/docs/general/locations (regions), and the enumeration `AcceleratorType` of
google-cloud-aiplatform, which a test compares.
"""

DATE = "2026-11-25"

# A pipeline's step: https://cloud.google.com/vertex-ai/docs/pipelines/machine-types
MOST_CPUS, MOST_MEMORY_GB = 96, 624

_N2_SIZES = ("2", "4", "8", "16", "32", "48", "64", "80", "96", "128")
_C3_SIZES = ("4", "8", "22", "44", "88", "176")
_C3D_SIZES = ("4", "8", "16", "30", "60", "90", "180", "360")
_C4_SIZES = ("2", "4", "8", "16", "24", "32", "48", "96", "144", "192", "288")
_N4_SIZES = ("2", "4", "8", "16", "32", "48", "64", "80")

# The last part of a machine type's name, by what stands before it.
MACHINE_TYPES: dict[str, tuple[str, ...]] = {
    "n1-standard": ("1", "2", "4", "8", "16", "32", "64", "96"),
    "n1-highmem": ("2", "4", "8", "16", "32", "64", "96"),
    "n1-highcpu": ("2", "4", "8", "16", "32", "64", "96"),
    "n2-standard": _N2_SIZES,
    "n2-highmem": _N2_SIZES,
    "n2-highcpu": _N2_SIZES[:-1],
    "n2d-standard": (*_N2_SIZES, "224"),
    "n2d-highmem": _N2_SIZES[:-1],
    "n2d-highcpu": (*_N2_SIZES, "224"),
    "n4-standard": _N4_SIZES,
    "n4-highmem": _N4_SIZES,
    "n4-highcpu": _N4_SIZES,
    "e2-standard": ("2", "4", "8", "16", "32"),
    "e2-highmem": ("2", "4", "8", "16"),
    "e2-highcpu": ("2", "4", "8", "16", "32"),
    "c2-standard": ("4", "8", "16", "30", "60"),
    "c2d-standard": ("2", "4", "8", "16", "32", "56", "112"),
    "c2d-highmem": ("2", "4", "8", "16", "32", "56", "112"),
    "c2d-highcpu": ("2", "4", "8", "16", "32", "56", "112"),
    "c3-standard": _C3_SIZES,
    "c3-highmem": _C3_SIZES,
    "c3-highcpu": _C3_SIZES,
    "c3d-standard": _C3D_SIZES,
    "c3d-highmem": _C3D_SIZES,
    "c3d-highcpu": _C3D_SIZES,
    "c4-standard": _C4_SIZES,
    "c4-highmem": _C4_SIZES,
    "c4-highcpu": _C4_SIZES,
    "m1-ultramem": ("40", "80", "160"),
    "m1-megamem": ("96",),
    "a2-highgpu": ("1g", "2g", "4g", "8g"),
    "a2-megagpu": ("16g",),
    "a2-ultragpu": ("1g", "2g", "4g", "8g"),
    "a3-highgpu": ("1g", "2g", "4g", "8g"),
    "a3-edgegpu": ("8g",),
    "a3-megagpu": ("8g",),
    "a3-ultragpu": ("8g",),
    "a4-highgpu": ("8g",),
    "a4x-highgpu": ("4g",),
    "g2-standard": ("4", "8", "12", "16", "24", "32", "48", "96"),
    "g4-standard": ("48", "96", "192", "384"),
    "ct4p-hightpu": ("4t",),
    "ct5lp-hightpu": ("1t", "4t", "8t"),
    "ct5p-hightpu": ("1t", "2t", "4t"),
    "ct6e-standard": ("1t", "4t", "8t"),
    "tpu7x-standard": ("4t",),
    "cloud": ("tpu",),
}
# GB of memory per processor: https://cloud.google.com/compute/docs/machine-resource
GB_PER_CPU: dict[str, float] = {
    "n1-standard": 3.75,
    "n1-highmem": 6.5,
    "n1-highcpu": 0.9,
    "n2-standard": 4,
    "n2-highmem": 8,
    "n2-highcpu": 1,
    "e2-standard": 4,
    "e2-highmem": 8,
    "e2-highcpu": 1,
    "g2-standard": 4,
}
# Of machines that are sized by their accelerators: processors and GB of each type.
BY_ACCELERATORS: dict[str, tuple[int, int]] = {
    **{f"a2-highgpu-{count}g": (12 * count, 85 * count) for count in (1, 2, 4, 8)},
    "a2-megagpu-16g": (96, 1360),
    **{f"a2-ultragpu-{count}g": (12 * count, 170 * count) for count in (1, 2, 4, 8)},
}
# Families that get no new sizes any more.
CLOSED_FAMILIES = ("n1", "n2", "n2d", "e2", "c2", "c2d", "m1", "a2", "g2")

# GPUs that are attached to a machine of the N1 series, and how many at a time.
ATTACHED: dict[str, tuple[int, ...]] = {
    "NVIDIA_TESLA_K80": (1, 2, 4, 8),
    "NVIDIA_TESLA_P100": (1, 2, 4),
    "NVIDIA_TESLA_V100": (1, 2, 4, 8),
    "NVIDIA_TESLA_P4": (1, 2, 4),
    "NVIDIA_TESLA_T4": (1, 2, 4),
}
# How many of them a machine of so many processors needs at least: pairs of processors and GPUs.
FEWEST: dict[str, tuple[tuple[int, int], ...]] = {
    "NVIDIA_TESLA_K80": ((8, 1), (16, 2), (32, 4)),
    "NVIDIA_TESLA_P100": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_V100": ((8, 1), (16, 2), (32, 4), (96, 8)),
    "NVIDIA_TESLA_P4": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_T4": ((16, 1), (32, 2), (96, 4)),
}
# GPUs that a machine type has built in, and how many.
BUILT_IN: dict[str, tuple[str, int]] = {
    **{f"a2-highgpu-{count}g": ("NVIDIA_TESLA_A100", count) for count in (1, 2, 4, 8)},
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16),
    **{f"a2-ultragpu-{count}g": ("NVIDIA_A100_80GB", count) for count in (1, 2, 4, 8)},
    **{f"a3-highgpu-{count}g": ("NVIDIA_H100_80GB", count) for count in (1, 2, 4, 8)},
    "a3-edgegpu-8g": ("NVIDIA_H100_80GB", 8),
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8),
    "a4-highgpu-8g": ("NVIDIA_B200", 8),
    "a4x-highgpu-4g": ("NVIDIA_GB200", 4),
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", 1) for cpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": ("NVIDIA_L4", 2),
    "g2-standard-48": ("NVIDIA_L4", 4),
    "g2-standard-96": ("NVIDIA_L4", 8),
    **{f"g4-standard-{48 * count}": ("NVIDIA_RTX_PRO_6000", count) for count in (1, 2, 4, 8)},
}
TPUS = ("TPU_V2", "TPU_V3", "TPU_V4_POD", "TPU_V5_LITEPOD")
ACCELERATORS = tuple(dict.fromkeys([*ATTACHED, *(name for name, _ in BUILT_IN.values()), *TPUS]))

REGIONS = (
    *("africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3"),
    *("asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1"),
    *("australia-southeast2", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1"),
    *("europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8", "europe-west9"),
    *("europe-west10", "europe-west12", "me-central1", "me-central2", "me-west1", "northamerica-northeast1"),
    *("northamerica-northeast2", "northamerica-south1", "southamerica-east1", "southamerica-west1", "us-central1"),
    *("us-east1", "us-east4", "us-east5", "us-east7", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4"),
    "us-west8",
)
