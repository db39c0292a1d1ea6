"""A column that is read and is nowhere is refused before a run; one that the data alone lacks is DataGate's to say."""

import pytest

from millrace.base.errors import DataError
from millrace.config.checks import check
from millrace.config.loading import load


@pytest.fixture
def conf(tmp_path):
    """Configures taxi on a header of one's own, with its schema or without."""

    def configured(header, *more):
        (tmp_path / "trips.csv").write_text(f"{header}\n{','.join(['1'] * (header.count(',') + 1))}\n")
        return load("conf/taxi.yaml", [f"data.path={tmp_path}", *more])

    return configured


HEADER = (
    "pickup_community_area,fare,trip_start_month,trip_start_hour,trip_start_day,trip_start_timestamp,pickup_latitude,"
    "pickup_longitude,dropoff_latitude,dropoff_longitude,trip_miles,pickup_census_tract,dropoff_census_tract,"
    "payment_type,company,trip_seconds,dropoff_community_area,tips,big_tipper"
)


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace(",fare,", ",fares,"),
        HEADER.replace(",fare,", ","),
        HEADER.replace("big_tipper", "bigtipper"),
        HEADER.replace(",", ";"),
    ],
    ids=["renamed", "gone", "the label renamed", "another delimiter"],
)
def test_what_the_schema_names_and_the_data_lost_is_left_to_data_gate(conf, header):
    check(conf(header))


def test_without_a_schema_it_is_refused_with_the_name_that_was_meant(conf):
    with pytest.raises(DataError, match=r"not in the data: fare; did you mean fares\?"):
        check(conf(HEADER.replace(",fare,", ",fares,"), "schema={}"))


def test_a_name_that_neither_has_is_refused_with_the_name_that_was_meant(conf):
    with pytest.raises(DataError, match=r"a feature is not in the data: faree; did you mean fare\?"):
        check(conf(HEADER, "features={faree: {kind: numeric}}", "evaluation.slices=[]"))
    with pytest.raises(DataError, match=r"the label big_tiper is not a column of the data; did you mean big_tipper\?"):
        check(conf(HEADER, "label.column=big_tiper"))
