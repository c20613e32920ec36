# SPDX-License-Identifier: Apache-2.0
"""From an error to what a person reads: what happened, what to do, and the exit code.

One table for the agency's reasons and one for the trust library's. The text of exceptions that are
not ours is never shown: it could hold anything.
"""

import asyncio
from dataclasses import dataclass, replace

from agency_client.cli.exits import Exit
from agency_client.errors import AgencyError, Reason
from keys.errors import Reason as TrustReason
from keys.errors import TrustError


class CommandError(Exception):
    """A command cannot go on: `message` says what happened, `advice` what to do."""

    def __init__(
        self, message: str, *, advice: str = "", code: Exit = Exit.FAILED, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.failure = Failure(
            code=code, reason=reason or code.name, message=message, advice=advice
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure as it is shown."""

    code: Exit
    reason: str
    message: str
    advice: str = ""


_REASONS: dict[Reason, tuple[Exit, str]] = {
    Reason.MALFORMED: (Exit.FAILED, "update tocsin on both sides; report it if it comes again"),
    Reason.LIMIT_EXCEEDED: (Exit.USAGE, "send less at once"),
    Reason.SIGNATURE_INVALID: (Exit.BAD, "run `tocsin keys` and compare with the directory"),
    Reason.STATEMENT_MISMATCH: (Exit.BAD, "do not use what came with it; tell your auditor"),
    Reason.WRONG_FEDERATION: (Exit.CREDENTIAL, "check --broker and the profile you use"),
    Reason.NOT_ORIGINATOR: (Exit.REFUSED, "only the originator may do this"),
    Reason.ALREADY_EXISTS: (Exit.CONFLICT, "it was published before; `tocsin outbox` shows it"),
    Reason.CHAIN_BROKEN: (Exit.CONFLICT, "run `tocsin outbox send`; it is numbered anew"),
    Reason.RESEAL_REQUIRED: (Exit.REFUSED, "run `tocsin outbox send`; it is sealed anew"),
    Reason.DENIED: (Exit.REFUSED, "`tocsin topics` shows where you may publish and read"),
    Reason.NOT_FOUND: (Exit.NOT_FOUND, "check the name; `tocsin inbox` and `tocsin topics` list"),
    Reason.CLOCK_SKEW: (Exit.FAILED, "set this machine's clock and try again"),
    Reason.ATTACHMENT_MISSING: (Exit.FAILED, "run `tocsin outbox send`; it is uploaded again"),
    Reason.AGENCY_LOCKED: (Exit.REFUSED, "the agency is locked: call a steward of the federation"),
    Reason.UNAUTHENTICATED: (
        Exit.CREDENTIAL,
        "the broker does not accept this certificate: ask a steward whether it is admitted",
    ),
    Reason.OUTCOME_UNKNOWN: (Exit.PARTIAL, "run `tocsin outbox send`; nothing is sent twice"),
    Reason.STORAGE_FULL: (Exit.FAILED, "free disk space there, then run `tocsin outbox send`"),
    Reason.READ_ONLY: (Exit.FAILED, "the broker's operator has to make its disk writable"),
    Reason.OFFSET_MISMATCH: (Exit.CONFLICT, "run the command again; it goes on where it stopped"),
    Reason.DIRECTORY_CONFLICT: (Exit.CONFLICT, "someone was faster: run the command again"),
    Reason.NOT_ENOUGH_SIGNATURES: (Exit.REFUSED, "have more stewards sign: `tocsin steward sign`"),
    Reason.INTERNAL: (Exit.FAILED, "try again; the broker's operator finds it in its log"),
    Reason.SUBSCRIPTION_BUSY: (Exit.CONFLICT, "another `tocsin watch` of this profile took over"),
    Reason.TOPIC_UNKNOWN: (Exit.NOT_FOUND, "`tocsin topics` lists the topics you may use"),
    Reason.INVALID_ARGUMENT: (Exit.USAGE, "see `{command} --help`"),
    Reason.DRAINING: (Exit.UNREACHABLE, "the broker is being restarted: try again in a minute"),
    Reason.BROKER_UNREACHABLE: (
        Exit.UNREACHABLE,
        "check the address in `tocsin config show`; reading and searching work without the broker",
    ),
    Reason.DEADLINE_EXCEEDED: (Exit.UNREACHABLE, "try again; nothing is sent twice"),
    Reason.EMPTY_AUDIENCE: (
        Exit.REFUSED,
        "name who shall have it with --to, or choose another topic or marking",
    ),
    Reason.UNKNOWN_RECIPIENT: (Exit.NOT_FOUND, "check the agency's id; `tocsin status` syncs"),
    Reason.RETIRED_RECIPIENT: (Exit.REFUSED, "leave that agency out"),
    Reason.RECIPIENT_REFUSED: (Exit.REFUSED, "leave that agency out, or change the marking"),
    Reason.UNKNOWN_NOTICE: (Exit.NOT_FOUND, "`tocsin inbox` lists what you hold"),
    Reason.PROFILE_IN_USE: (Exit.CONFLICT, "end the other process, or use another --profile"),
    Reason.PROFILE_MISSING: (Exit.NOT_FOUND, "create it with `tocsin init`, or choose --profile"),
    Reason.PROFILE_EXISTS: (Exit.CONFLICT, "choose another --profile; nothing was changed"),
    Reason.PROFILE_INVALID: (
        Exit.CREDENTIAL,
        "correct what is named, or restore the profile from your backup",
    ),
    Reason.NOT_ENROLLED: (Exit.CREDENTIAL, "run `tocsin enrol` once the stewards admitted you"),
    Reason.FEDERATION_MISMATCH: (Exit.CREDENTIAL, "this is another federation: ask a steward"),
    Reason.INVITATION_INVALID: (Exit.CREDENTIAL, "ask a steward for a new one; use no part of it"),
    Reason.ADMISSION_DIFFERS: (Exit.BAD, "call a steward at once: other keys may speak for you"),
    Reason.WORDS_DIFFER: (
        Exit.BAD,
        "sign and send nothing: it may have been exchanged on the way; get it anew, call again",
    ),
    Reason.DIRECTORY_INVALID: (Exit.BAD, "do not go on; tell your auditor and a steward"),
    Reason.LOG_INVALID: (Exit.BAD, "the broker's log contradicts itself: tell your auditor"),
    Reason.STORE_NEWER: (Exit.CONFLICT, "update tocsin: a newer version wrote this profile"),
    Reason.STORE_INVALID: (Exit.FAILED, "restore the profile from your backup"),
    Reason.STORE_FAILED: (Exit.FAILED, "check the disk of this machine and try again"),
    Reason.ATTACHMENT_INVALID: (Exit.BAD, "the attachment is not what was signed; do not use it"),
    Reason.ATTACHMENT_UNKNOWN: (Exit.NOT_FOUND, "`tocsin show` lists a notice's attachments"),
    Reason.PURPOSE_NEEDED: (
        Exit.USAGE,
        "give --purpose and --case, or set TOCSIN_PURPOSE and TOCSIN_CASE",
    ),
    Reason.OFFICER_NEEDED: (
        Exit.USAGE,
        "name one with --as; `tocsin officers ls` lists them, `tocsin officers add` enters one",
    ),
    Reason.OFFICER_UNKNOWN: (Exit.NOT_FOUND, "`tocsin officers ls` lists the officers here"),
    Reason.OFFICER_REFUSED: (Exit.REFUSED, "another officer has to do it: `tocsin officers ls`"),
    Reason.ACT_UNKNOWN: (Exit.NOT_FOUND, "`tocsin acts` and `tocsin review` list what waits"),
    Reason.APPROVAL_NEEDED: (Exit.REFUSED, "nothing was done yet; `tocsin acts` says what waits"),
    Reason.APPROVAL_REFUSED: (Exit.REFUSED, "nothing was done; have it approved anew"),
    Reason.RENEWAL_WAITS: (
        Exit.CONFLICT,
        "run `tocsin keys request` and give its file to a steward",
    ),
    Reason.ROOT_NEEDED: (
        Exit.CONFLICT,
        "nothing was changed; try again then, or choose another --overlap-days",
    ),
    Reason.KEY_COUNTS: (
        Exit.REFUSED,
        "nothing was destroyed; `tocsin keys rotate` makes the keys that take its place",
    ),
    Reason.KEY_NEEDED: (
        Exit.REFUSED,
        "nothing was destroyed; wait, or give up what only this key opens with --lose-unread",
    ),
    Reason.RECOVERY_MISSING: (
        Exit.NOT_FOUND,
        "give the file with --copy; shares open nothing without it",
    ),
    Reason.SHARE_REFUSED: (
        Exit.CREDENTIAL,
        "compare it with the paper, word by word; nothing was changed",
    ),
    Reason.SHARES_MISSING: (Exit.REFUSED, "ask another custodian; nothing was changed"),
    Reason.REVIEW_OVERDUE: (
        Exit.REFUSED,
        "a supervisor has to review the last one first: `tocsin review`",
    ),
}

_TRUST: dict[TrustReason, tuple[Exit, str, str]] = {
    TrustReason.PASSPHRASE_WRONG: (
        Exit.CREDENTIAL,
        "",
        "try again; if it is forgotten, custodians can help: `tocsin keys recover --help`",
    ),
    TrustReason.KEY_FILE_MISSING: (
        Exit.CREDENTIAL,
        "",
        "restore it from your backup, or check --profile",
    ),
    TrustReason.KEY_FILE_PERMISSIONS: (
        Exit.CREDENTIAL,
        "",
        "take their rights away (chmod 600) and find out who could have copied it",
    ),
    TrustReason.KEY_FILE_INVALID: (
        Exit.CREDENTIAL,
        "the key file is damaged or for another purpose: ",
        "restore it from your backup",
    ),
    TrustReason.NOT_ENOUGH_SIGNATURES: (
        Exit.REFUSED,
        "not enough stewards signed: ",
        "have more of them sign: `tocsin steward sign`",
    ),
}
"""Code, what stands before the detail, advice."""

_ELSEWHERE: dict[tuple[str, Reason | TrustReason], str] = {
    ("steward", Reason.PROFILE_MISSING): "make one with create-federation, or choose --home",
    ("steward", Reason.PROFILE_EXISTS): "choose another --home; nothing was changed",
    ("steward", Reason.DIRECTORY_CONFLICT): "`tocsin steward push` brings this folder level",
    ("review", Reason.ALREADY_EXISTS): "`tocsin review` lists what was found",
    ("steward", Reason.ALREADY_EXISTS): "have that signed first, or delete the file",
    ("steward", Reason.NOT_FOUND): "`tocsin steward directory` lists who and what is there",
    ("steward", Reason.BROKER_UNREACHABLE): "check --broker; without it, the entry goes to a file",
    ("steward", TrustReason.KEY_FILE_MISSING): "check --home and --as, or restore it from a backup",
    ("grant", Reason.ALREADY_EXISTS): "`tocsin show ID` says who is admitted, and until when",
    ("grant", Reason.NOT_FOUND): "`tocsin requests --all` lists requests; give more of its digits",
    ("grant", Reason.DENIED): "`tocsin show ID` shows the marking, `tocsin explain` the rule",
    ("refuse", Reason.ALREADY_EXISTS): "`tocsin requests --all` says how it was decided",
    ("refuse", Reason.NOT_FOUND): "`tocsin requests --all` lists requests; give more of its digits",
    (
        "request-onward",
        Reason.DENIED,
    ): "`tocsin show ID` shows its marking",
    ("recall", Reason.ALREADY_EXISTS): "`tocsin holders ID` shows who has answered",
    ("demo", Reason.PROFILE_EXISTS): "choose another folder; nothing was changed",
}
"""Advice where a command works on something else than a profile."""

_SEALED = "what was sealed is sent later, once: see `tocsin inbox` before you publish it again"
_CUT_OFF = {"publish": _SEALED, "attach": _SEALED}
"""Advice where a command was told to end in the middle."""


def of_refusal(reason: str, command: str = "tocsin") -> tuple[Exit, str]:
    """Return code and advice for the reason why a record was refused.

    Reasons that are not the agency's are those of checking input.
    """
    if reason not in set(Reason):
        return Exit.USAGE, ""
    code, advice = _REASONS[Reason(reason)]
    return code, _advice(command, Reason(reason), advice)


def explain(error: BaseException, command: str = "tocsin") -> Failure:
    """Return how `error` is told to a person; anything that is not ours stays unexplained.

    Args:
        error: what ended a command.
        command: which one it was.
    """
    if isinstance(error, CommandError):
        is_cut_off = error.failure.code is Exit.TERMINATED
        return replace(error.failure, advice=_cut_off(command)) if is_cut_off else error.failure
    if isinstance(error, AgencyError):
        code, advice = _REASONS[error.reason]
        advice = _advice(command, error.reason, advice)
        return Failure(code=code, reason=error.reason, message=error.message, advice=advice)
    if isinstance(error, TrustError):
        return _explain_trust(error, command)
    if isinstance(error, OSError):
        return _explain_system(error)
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        return Failure(
            code=Exit.INTERRUPTED,
            reason="INTERRUPTED",
            message="interrupted",
            advice=_cut_off(command),
        )
    return Failure(
        code=Exit.FAILED,
        reason="UNEXPECTED",
        message=f"something went wrong inside tocsin ({type(error).__name__})",
        advice="run it again with --debug and report what that prints",
    )


def _advice(command: str, reason: Reason | TrustReason, usual: str) -> str:
    return _ELSEWHERE.get((_first_word(command), reason), usual).format(command=command)


def _cut_off(command: str) -> str:
    return _CUT_OFF.get(_first_word(command), "")


def _first_word(command: str) -> str:
    """Return what stands after `tocsin`."""
    return [*command.split(" "), ""][1]


def _explain_system(error: OSError) -> Failure:
    what = error.filename or "input or output"
    return Failure(
        code=Exit.NOT_FOUND if isinstance(error, FileNotFoundError) else Exit.FAILED,
        reason="FILE",
        message=f"{what}: {(error.strerror or 'cannot be used').lower()}",
        advice="check the path, its permissions and the space that is left",
    )


def _explain_trust(error: TrustError, command: str) -> Failure:
    known = _TRUST.get(error.reason)
    if known is None:
        return Failure(
            code=Exit.BAD,
            reason=error.reason.name,
            message=error.detail,
            advice="it does not verify: do not use it, and tell its sender by another way",
        )
    code, what, advice = known
    return Failure(
        code=code,
        reason=error.reason.name,
        message=f"{what}{error.detail}",
        advice=_advice(command, error.reason, advice),
    )
