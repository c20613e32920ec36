# SPDX-License-Identifier: Apache-2.0
"""Every error ends as one sentence, advice and a typed exit code."""

import pytest

from agency_client.cli.app import COMMANDS, run
from agency_client.cli.exits import MEANINGS, Exit
from agency_client.cli.failures import _REASONS, CommandError, explain
from agency_client.errors import AgencyError, Reason
from keys.errors import KeyFileError, SignatureError
from keys.errors import Reason as TrustReason


def test_every_reason_has_an_exit_code_and_advice() -> None:
    assert set(_REASONS) == set(Reason)
    assert all(advice for _, advice in _REASONS.values())


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(Exit)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.UNKNOWN_NOTICE, 3),
        (Reason.NOT_ENROLLED, 4),
        (Reason.DENIED, 5),
        (Reason.PROFILE_IN_USE, 6),
        (Reason.BROKER_UNREACHABLE, 7),
        (Reason.LOG_INVALID, 10),
    ],
)
def test_an_agency_error_keeps_its_reason_and_gets_its_code(reason: Reason, code: int) -> None:
    failure = explain(AgencyError(reason, "what happened"))
    assert (failure.code, failure.reason, failure.message) == (code, reason, "what happened")


def test_a_wrong_passphrase_is_a_credential_failure() -> None:
    failure = explain(KeyFileError(TrustReason.PASSPHRASE_WRONG, "does not open"))
    assert failure.code is Exit.CREDENTIAL
    assert failure.message == "does not open"


def test_what_does_not_verify_is_bad_and_not_merely_failed() -> None:
    assert explain(SignatureError(TrustReason.SIGNATURE_INVALID, "x")).code is Exit.BAD


def test_the_text_of_a_foreign_exception_is_not_shown() -> None:
    failure = explain(ValueError("Maria Papadopoulou"))
    assert "Maria" not in failure.message
    assert failure.code is Exit.FAILED


def test_a_missing_file_is_not_found() -> None:
    failure = explain(FileNotFoundError(2, "No such file or directory", "notices.jsonl"))
    assert failure.code is Exit.NOT_FOUND
    assert failure.message == "notices.jsonl: no such file or directory"


def test_an_unknown_command_is_usage_and_says_what_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["pubish"]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Did you mean `publish`?" in printed.err
    assert "Traceback" not in printed.err


def test_an_unknown_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "exit-codes", "--colour"]) == Exit.USAGE
    assert "--colour" in capsys.readouterr().err


def test_with_json_a_failure_is_a_document_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "pubish"]) == Exit.USAGE
    assert '"schema": "tocsin.error.v1"' in capsys.readouterr().err


def test_debug_says_where_and_never_what(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Maria Papadopoulou")

    monkeypatch.setattr("agency_client.cli.help.Printer.document", fail)
    assert run(["help", "exit-codes", "--debug"]) == Exit.FAILED
    printed = capsys.readouterr().err
    assert "builtins.RuntimeError" in printed
    assert "help.py" in printed
    assert "Maria" not in printed


def test_a_command_error_carries_its_own_code() -> None:
    assert explain(CommandError("x", code=Exit.PARTIAL)).code is Exit.PARTIAL


@pytest.mark.parametrize(
    ("error", "command", "advice"),
    [
        (AgencyError(Reason.INVALID_ARGUMENT, "x"), "tocsin ack", "see `tocsin ack --help`"),
        (AgencyError(Reason.PROFILE_EXISTS, "x"), "tocsin init", "choose another --profile"),
        (AgencyError(Reason.PROFILE_EXISTS, "x"), "tocsin steward new-key", "another --home"),
        (AgencyError(Reason.PROFILE_EXISTS, "x"), "tocsin demo", "another folder"),
        (AgencyError(Reason.PROFILE_MISSING, "x"), "tocsin steward lock", "choose --home"),
        (AgencyError(Reason.NOT_FOUND, "x"), "tocsin steward lock", "steward directory"),
        (KeyFileError(TrustReason.KEY_FILE_MISSING, "x"), "tocsin status", "--profile"),
        (KeyFileError(TrustReason.KEY_FILE_MISSING, "x"), "tocsin steward lock", "--home"),
    ],
)
def test_advice_fits_the_command(error: Exception, command: str, advice: str) -> None:
    assert advice in explain(error, command).advice


def test_an_argument_of_any_length_is_not_repeated_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["x" * 100_000]) == Exit.USAGE
    assert len(capsys.readouterr().err) < 1000


def test_a_wrong_option_of_the_program_itself_says_where_to_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--profile"]) == Exit.USAGE
    assert "see `tocsin --help`" in capsys.readouterr().err


def test_interrupting_is_130() -> None:
    assert explain(KeyboardInterrupt()).code == 130


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), CommandError("asked to end", code=Exit.TERMINATED)]
)
def test_who_stops_publishing_is_told_what_becomes_of_it(error: BaseException) -> None:
    assert "see `tocsin inbox`" in explain(error, "tocsin publish").advice
    assert explain(error, "tocsin watch").advice == ""


def test_nothing_that_needs_a_profile_is_named_twice() -> None:
    assert len(COMMANDS) == len({target for target, _ in COMMANDS.values()})
