from __future__ import annotations

import pytest

from ldpf.report.tables.published import BACKBONE, published_rows

PACS = ("art_painting", "cartoon", "photo", "sketch")


def rows(dataset="PACS", backbone=BACKBONE, domains=PACS, protocol="spg"):
    return {row.method: row for row in published_rows(dataset, backbone, protocol, domains)}


def test_the_averages_stand_beside_the_benchmark_they_belong_to():
    found = rows()
    assert (found["zero-shot"].average, found["SPG"].average) == (96.1, 97.0)
    assert "ldpf" not in found
    assert rows("office_home", domains=("Art",))["ldpf"].average == 85.13


def test_targets_are_found_by_the_names_of_ones_own_folders():
    assert rows()["coop"].targets == dict(zip(PACS, (97.7, 98.4, 99.6, 90.0), strict=True))
    office = ("Art", "Clipart", "Product", "Real World")
    found = rows("OfficeHome", domains=office)["coop"].targets
    assert found == dict(zip(office, (81.2, 72.0, 89.7, 89.2), strict=True))
    terra = ("location_38", "location_43", "location_100")
    found = rows("terra_incognita", domains=terra)["coop"].targets
    assert found == dict(zip(terra, (53.3, 47.4, 45.5), strict=True))
    vlcs = ("Caltech101", "LabelMe", "VOC2007", "SUN09")
    found = rows("VLCS", domains=vlcs)["zero-shot"].targets
    assert found == dict(zip(vlcs, (99.9, 68.6, 85.9, 74.8), strict=True))


def test_a_folder_called_like_the_checkpoint_is_the_checkpoint():
    assert rows(backbone="/models/clip-vit-base-patch16")
    assert rows(backbone=f"{BACKBONE}@abc")


@pytest.mark.parametrize(
    ("dataset", "backbone"),
    [
        ("photos", BACKBONE),
        ("mini_domainnet", BACKBONE),
        ("PACS", "nano"),
        ("PACS", "openai/clip-vit-base-patch32"),
        ("PACS", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"),
    ],
)
def test_other_data_and_backbones_have_no_published_numbers(dataset, backbone):
    assert rows(dataset, backbone) == {}


@pytest.mark.parametrize("protocol", ["leave-one-domain-out", "domainbed", "clipood"])
def test_numbers_of_another_protocol_are_not_published_for_this_one(protocol):
    assert rows(protocol=protocol) == {}


def test_where_the_paper_contradicts_itself_its_table_of_targets_counts():
    terra = ("location_38", "location_43", "location_46", "location_100")
    assert rows("terra-incognita", domains=terra)["linear-probe"].average == 46.6


def test_each_benchmarks_average_is_that_of_its_targets():
    names = {
        "PACS": PACS,
        "OfficeHome": ("Art", "Clipart", "Product", "Real"),
        "VLCS": ("caltech", "labelme", "pascal", "sun"),
        "terra": ("38", "43", "46", "100"),
    }
    for dataset, domains in names.items():
        for method in ("zero-shot", "coop"):
            row = rows(dataset, domains=domains)[method]
            mean = sum(row.targets.values()) / 4
            assert row.average == pytest.approx(mean, abs=0.11), (dataset, method)
