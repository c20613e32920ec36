# SPDX-License-Identifier: Apache-2.0
"""What each error of SQLite means for the store."""

import pytest
from sqlcipher3 import dbapi2

from broker.errors import Reason
from broker.storage.faults import Fault, closed, fault_of, internal, named

FATAL = [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 21, 22, 23, 26, 27, 28, 99]


def error(code: int) -> dbapi2.OperationalError:
    made = dbapi2.OperationalError("text")
    made.sqlite_errorcode = code
    made.sqlite_errorname = "SQLITE_NAME"
    return made


@pytest.mark.parametrize("code", FATAL)
def test_whatever_is_not_known_to_be_definite_is_fatal(code: int) -> None:
    assert fault_of(error(code)) is Fault.FATAL


@pytest.mark.parametrize("extended", [0, 1, 4, 8, 15])
def test_extended_codes_mean_what_their_primary_code_means(extended: int) -> None:
    assert fault_of(error(10 | extended << 8)) is Fault.FATAL
    assert fault_of(error(13 | extended << 8)) is Fault.FULL
    assert fault_of(error(8 | extended << 8)) is Fault.READ_ONLY
    assert fault_of(error(19 | extended << 8)) is Fault.OPERATION


def test_values_that_do_not_fit_are_of_the_operation() -> None:
    connection = dbapi2.connect(":memory:")
    connection.execute("CREATE TABLE one (number INTEGER PRIMARY KEY) STRICT")
    for statement, values in (
        ("INSERT INTO one VALUES (?)", ("text",)),
        ("INSERT INTO one VALUES (?)", (object(),)),
        ("INSERT INTO one VALUES (?)", ()),
        ("INSERT INTO none VALUES (1)", ()),
        ("INSERT INTO one VALUES (1), (1)", ()),
    ):
        with pytest.raises(dbapi2.Error) as caught:
            connection.execute(statement, values)
        assert fault_of(caught.value) is Fault.OPERATION


def test_the_operator_is_told_the_name_and_the_text() -> None:
    assert named(error(10)) == "SQLITE_NAME: text"
    assert named(dbapi2.OperationalError("text")) == "SQLITE: text"


def test_details_stay_out_of_what_is_sent() -> None:
    for made in (internal("frame 7 of a topic"), closed()):
        assert made.metadata == {}
        assert "frame" not in made.message
    assert (internal("x").reason, closed().reason) == (Reason.INTERNAL, Reason.DRAINING)
