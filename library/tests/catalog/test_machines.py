"""Machines, accelerators and regions of Google Cloud: what there is, what there is not, and what may be newer."""

import pytest

from millrace.catalog import google_cloud
from millrace.catalog.machines import (
    MachineType,
    accelerator_objections,
    machine_objections,
    machine_type_objections,
    step_objections,
)
from millrace.catalog.objections import require_none
from millrace.catalog.regions import region_objections, region_of_subnetwork


def words(objections):
    return " / ".join(("" if one.certain else "perhaps: ") + str(one) for one in objections)


def test_the_table_knows_every_accelerator_of_the_locked_client():
    from google.cloud import aiplatform_v1

    theirs = {one.name for one in aiplatform_v1.AcceleratorType if one.value}
    assert theirs <= set(google_cloud.ACCELERATORS)


def test_the_table_knows_every_region_of_the_locked_client():
    from google.cloud.aiplatform.constants import base

    assert base.SUPPORTED_REGIONS - {"global"} <= set(google_cloud.REGIONS)


def test_every_machine_with_accelerators_is_a_machine_type():
    for name in google_cloud.BUILT_IN:
        assert words(machine_type_objections(name)) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA_T4", "there is no accelerator NVIDIA_T4; did you mean NVIDIA_TESLA_T4?"),
        ("NVIDIA_A100", "did you mean NVIDIA_TESLA_A100 or NVIDIA_A100_80GB?"),
        ("nvidia_l4", "did you mean NVIDIA_L4?"),
        ("NVIDIA_TESLA_L4", "did you mean NVIDIA_L4?"),
        ("nvidia.com/gpu", "is a resource of Kubernetes, and Vertex AI takes types such as NVIDIA_L4"),
        ("gpu", "there is no accelerator gpu"),
        ("NVIDIA_R300_288GB", "perhaps: the accelerator NVIDIA_R300_288GB is not known here (table of "),
        ("NVIDIA_L4", ""),
    ],
)
def test_an_accelerator_is_known_or_not(name, expected):
    found = words(accelerator_objections(name))
    assert expected in found and bool(found) == bool(expected)


def test_where_no_name_is_near_the_remedy_has_all_of_them():
    [near], [far] = (list(accelerator_objections(name)) for name in ("NVIDIA_T4", "gpu"))
    assert "https://" in near.remedy and "NVIDIA_L4" not in near.remedy
    assert "NVIDIA_L4, " in far.remedy and "TPU_V5_LITEPOD" in far.remedy


@pytest.mark.parametrize(
    ("subnetwork", "region"),
    [
        ("regions/europe-west1/subnetworks/inner", "europe-west1"),
        ("https://www.googleapis.com/compute/v1/projects/p/regions/us-east4/subnetworks/inner", "us-east4"),
        ("inner", None),
        ("regions/europe-west1/subnetworks/", None),
        ("subregions/europe-west1/subnetworks/inner", None),
    ],
)
def test_a_subnetwork_says_its_region(subnetwork, region):
    assert region_of_subnetwork(subnetwork) == region


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("n1-standrad-8", "there is no machine type n1-standrad-8; did you mean n1-standard-8?"),
        ("nl-standard-8", "-standard-8?"),
        ("n1-standard-12", "the sizes of n1-standard are 1, 2, 4, 8, 16, 32, 64, 96"),
        ("n1-standard", "did you mean n1-standard-"),
        ("a2-highgpu-3g", "the sizes of a2-highgpu are 1g, 2g, 4g, 8g"),
        ("e2-megamem-96", "there is no machine type e2-megamem-96: e2 has e2-standard, e2-highmem, e2-highcpu"),
        ("c9-standard-8", f"perhaps: the machine type c9-standard-8 is not known here (table of {google_cloud.DATE})"),
        ("c4-standard-384", "perhaps: the machine type c4-standard-384 is not known here"),
        ("n2-custom-6-20480", ""),
        ("custom-8-30720", ""),
        ("n2-custom-8-16384-ext", ""),
        ("custom-0-30720", "there is no machine type custom-0-30720"),
        ("custom-8", "there is no machine type custom-8"),
        ("c3-standard-8-lssd", ""),
        ("cloud-tpu", ""),
        ("n1-highmem-96", ""),
    ],
)
def test_a_machine_type_is_known_or_not(name, expected):
    found = words(machine_type_objections(name))
    assert expected in found and bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("name", "cpus", "memory_mib"),
    [
        ("custom-8-30720", 8, 30720),
        ("n2-custom-8-16384", 8, 16384),
        ("n1-custom-2-13312-ext", 2, 13312),
        ("c3-standard-8-lssd", 8, None),
        ("a2-highgpu-1g", None, None),
    ],
)
def test_a_machine_types_name_says_its_processors_and_a_custom_ones_its_memory(name, cpus, memory_mib):
    machine = MachineType.of(name)
    assert (machine.cpus, machine.memory_mib) == (cpus, memory_mib)


# Their last sizes, as Google's pages of the families list them: a size that is wrong by one would be refused or let by.
@pytest.mark.parametrize(
    ("kind", "smallest", "largest"),
    [
        ("n1-standard", "1", "96"), ("n2-standard", "2", "128"), ("n2-highcpu", "2", "96"),
        ("n2d-standard", "2", "224"), ("n2d-highmem", "2", "96"), ("n4-standard", "2", "80"),
        ("e2-standard", "2", "32"), ("e2-highmem", "2", "16"), ("c2-standard", "4", "60"),
        ("c2d-standard", "2", "112"), ("c3-standard", "4", "176"), ("c3d-standard", "4", "360"),
        ("c4-standard", "2", "288"), ("m1-ultramem", "40", "160"), ("g2-standard", "4", "96"),
        ("g4-standard", "48", "384"),
    ],
)  # fmt: skip
def test_the_smallest_and_the_largest_of_a_kind(kind, smallest, largest):
    sizes = google_cloud.MACHINE_TYPES[kind]
    assert (sizes[0], sizes[-1]) == (smallest, largest)
    assert list(sizes) == sorted(sizes, key=int)


@pytest.mark.parametrize("accelerator", google_cloud.ATTACHED)
def test_more_processors_need_more_gpus_of_counts_that_there_are(accelerator):
    cpus, counts = zip(*google_cloud.FEWEST[accelerator], strict=True)
    assert set(map(str, cpus)) <= set(google_cloud.MACHINE_TYPES["n1-standard"]) and list(cpus) == sorted(cpus)
    assert set(counts) <= set(google_cloud.ATTACHED[accelerator]) and list(counts) == sorted(counts)


@pytest.mark.parametrize(
    ("machine", "accelerator", "count", "expected"),
    [
        ("n1-standard-8", "NVIDIA_L4", 1, "NVIDIA_L4 does not go with the machine type n1-standard-8; take one of g2-"),
        ("g2-standard-8", "NVIDIA_TESLA_T4", 1, "does not go with the machine type g2-standard-8, which has NVIDIA_L4"),
        ("n1-standard-8", "NVIDIA_TESLA_T4", 3, "no machine has 3 of NVIDIA_TESLA_T4; take 1, 2 or 4"),
        ("e2-standard-8", "NVIDIA_TESLA_T4", 1, "attached to machines of the N1 series only"),
        ("n1-standard-8", "NVIDIA_TESLA_A100", 1, "take one of a2-highgpu-1g"),
        ("a2-highgpu-2g", "NVIDIA_TESLA_A100", 4, "has 2 of NVIDIA_TESLA_A100, and not 4"),
        ("a2-highgpu-2g", "NVIDIA_TESLA_A100", 1, "has 2 of NVIDIA_TESLA_A100, and not 1"),
        ("a2-highgpu-1g", "", 1, "perhaps: the machine type a2-highgpu-1g has 1 of NVIDIA_TESLA_A100, and none is"),
        ("n1-standard-96", "NVIDIA_TESLA_T4", 1, "perhaps: n1-standard-96 with 1 of NVIDIA_TESLA_T4 is not offered"),
        ("custom-8-30720", "NVIDIA_TESLA_T4", 1, ""),
        ("custom-8-106496-ext", "NVIDIA_TESLA_T4", 1, ""),
        ("n1-custom-16-16384", "NVIDIA_TESLA_T4", 1, ""),
        ("custom-18-30720", "NVIDIA_TESLA_T4", 1, "it takes at least 2"),
        ("n2-custom-8-16384", "NVIDIA_TESLA_T4", 1, "attached to machines of the N1 series only"),
        ("n1-standard-96", "NVIDIA_TESLA_K80", 8, "it takes fewer processors"),
        ("n1-standard-16", "NVIDIA_TESLA_V100", 2, ""),
        ("n1-standard-32", "NVIDIA_TESLA_T4", 2, ""),
        ("a2-megagpu-16g", "NVIDIA_TESLA_A100", 16, ""),
        ("g2-standard-24", "NVIDIA_L4", 2, ""),
        ("ct5lp-hightpu-4t", "TPU_V5_LITEPOD", 4, ""),
        ("n1-standard-8", "", 1, ""),
    ],
)
def test_a_machine_and_its_accelerators_go_together_or_not(machine, accelerator, count, expected):
    found = words(machine_objections(machine, accelerator, count))
    assert expected in found and bool(found) == bool(expected)


def test_an_endpoint_may_have_a_part_of_a_machine():
    assert words(machine_objections("a3-highgpu-8g", "NVIDIA_H100_80GB", 2, shared=True)) == ""
    assert "and not 9" in words(machine_objections("a3-highgpu-8g", "NVIDIA_H100_80GB", 9, shared=True))


@pytest.mark.parametrize(
    ("cpu", "memory", "accelerator", "count", "expected"),
    [
        (1000, 0, "", 1, "1000 processors are asked for, and a step gets 96 at most"),
        (0, 5000, "", 1, "5000 GB of memory are asked for, and a step gets 624 at most"),
        (97, 0, "", 1, "97 processors"),
        (96, 624, "", 1, ""),
        (0, 0, "NVIDIA_TESLA_T4", 3, "no machine has 3 of NVIDIA_TESLA_T4"),
        (0, 0, "NVIDIA_L4", 3, "no machine has 3 of NVIDIA_L4; take 1, 2, 4 or 8"),
        (0, 0, "NVIDIA_B200", 1, "no machine has 1 of NVIDIA_B200; take 8"),
        (8, 32, "NVIDIA_L4", 4, ""),
    ],
)
def test_a_step_gets_so_much_and_no_more(cpu, memory, accelerator, count, expected):
    found = words(step_objections(cpu, memory, accelerator, count))
    assert expected in found and bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-centrall1", "there is no region us-centrall1; did you mean us-central1?"),
        ("uscentral1", "there is no region uscentral1"),
        ("europe-west4-a", "europe-west4-a is a zone, and a region is needed; write europe-west4"),
        ("europe-west99", f"perhaps: the region europe-west99 is not known here (table of {google_cloud.DATE})"),
        ("europe-west4", ""),
    ],
)
def test_a_region_is_known_or_not(region, expected):
    found = words(region_objections(region))
    assert expected in found and bool(found) == bool(expected)


def test_only_what_is_certain_is_refused():
    require_none(machine_type_objections("c9-standard-8"))
    with pytest.raises(ValueError, match="did you mean n1-standard-8"):
        require_none(machine_type_objections("n1-standrad-8"))
