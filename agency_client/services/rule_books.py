# SPDX-License-Identifier: Apache-2.0
"""Rule books as stewards work on them: a folder, checked by its own scenarios; versions; history.

Nothing is signed here. Source: design section 6; research on governance 2.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agency_client.domain.findings import Finding, FindingKind
from agency_client.errors import AgencyError, Reason
from agency_client.services.steward import Bundle
from keys.directory import RuleBookEntry, decode_entry
from keys.entries import MAX_RULE_BOOK_BYTES
from keys.root import RootDocument
from policy.book import RuleBook
from policy.errors import BookError
from policy.lint import check_book, check_sources
from policy.scenarios import Proof, Scenarios, Verdict, proofs, read_scenarios, run
from policy.sources import SCENARIOS, Sources, check_names, merged, split

MAX_FILES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBook:
    """A rule book that keeps to everything but, perhaps, its own scenarios.

    Attributes:
        files: the folder's.
        book: what they are.
        verdicts: what it decided in each of its scenarios; none where it has none.
        proofs: the scenarios that hang on each rule.
    """

    files: Sources
    book: RuleBook
    verdicts: tuple[Verdict, ...]
    proofs: Mapping[str, Proof]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The scenarios that it decides otherwise than they say."""
        return tuple(one for one in self.verdicts if not one.as_expected)

    @property
    def unproven(self) -> tuple[str, ...]:
        """The rules on which no permit hangs, or no refusal."""
        shown = {name for name, one in self.proofs.items() if one.permits and one.refusals}
        return tuple(name for name in self.book.rules if name not in shown)

    @property
    def texts(self) -> tuple[str, str]:
        """The schema and the policies that stewards sign."""
        return merged(self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookVersion:
    """A rule book that was in force, or is.

    Attributes:
        version: from 1.
        digest: as frames name it.
        index: of its entry in the directory.
        issued_at: milliseconds since 1970.
        signed_by: the stewards.
        entry: its text.
    """

    version: int
    digest: bytes
    index: int
    issued_at: int
    signed_by: tuple[str, ...]
    entry: RuleBookEntry


def read_folder(folder: Path) -> Sources:
    """Read a rule book's files; a file's line ends become line feeds.

    Raises:
        AgencyError: NOT_FOUND, no such folder; INVALID_ARGUMENT, it holds what has no place there.
    """
    if not folder.is_dir():
        raise AgencyError(Reason.NOT_FOUND, f"there is no folder {folder}")
    paths = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    if len(paths) > MAX_FILES:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{folder} holds {len(paths)} files")
    try:
        _check_size(sum(path.stat().st_size for path in paths))
        names = {path.relative_to(folder).as_posix(): path for path in paths}
        check_names(dict.fromkeys(names, ""))
        return {name: path.read_text("utf-8") for name, path in names.items()}
    except BookError as error:
        raise _refused(error) from None
    except (OSError, UnicodeDecodeError):
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{folder} cannot be read as text") from None


def _check_size(size: int) -> None:
    if size > MAX_RULE_BOOK_BYTES:
        raise BookError(f"it has {size} bytes, expected {MAX_RULE_BOOK_BYTES} at most")


def write_folder(folder: Path, files: Sources) -> None:
    """Write a rule book's files into a new or empty folder.

    Raises:
        AgencyError: PROFILE_EXISTS; something is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise AgencyError(Reason.PROFILE_EXISTS, f"{folder} is not empty")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def checked(files: Sources) -> CheckedBook:
    """Check a book as a whole and put its scenarios to it.

    Raises:
        AgencyError: INVALID_ARGUMENT; says which rule of which file breaks what.
    """
    try:
        book = check_sources(files)
        table = read_scenarios(files[SCENARIOS]) if SCENARIOS in files else None
        verdicts = tuple(run(book, table)) if table else ()
        shown = proofs(book, table) if table else {}
    except BookError as error:
        raise _refused(error) from None
    return CheckedBook(files=files, book=book, verdicts=verdicts, proofs=shown)


def tables(*books: CheckedBook) -> Sequence[Scenarios]:
    """Return the scenarios of several books."""
    return [read_scenarios(one.files[SCENARIOS]) for one in books if SCENARIOS in one.files]


def check_signed(entry: RuleBookEntry) -> CheckedBook:
    """Check a book that another steward proposed, before one signs it too.

    Raises:
        AgencyError: INVALID_ARGUMENT; it breaks a rule for books or decides a scenario of its own
            otherwise than it says.
    """
    try:
        files = split(entry.schema, entry.policies)
    except BookError as error:
        raise _refused(error) from None
    found = checked(files)
    if found.failed:
        raise _refused(BookError(f"scenario {found.failed[0].scenario.case} is decided otherwise"))
    return found


def unsound(book: RuleBook, entry: RuleBookEntry, at_ms: int) -> Finding | None:
    """Return what is wrong with a book that came into force, or None.

    It is obeyed all the same: the stewards signed it, and an agency that kept to an older book
    would decide otherwise than all others, and hear of no lock after it. But a broker that keeps to
    the protocol had not taken it.
    """
    try:
        check_book(book, entry.schema, entry.policies)
    except BookError as error:
        return Finding(
            kind=FindingKind.RULE_BOOK,
            reason="unsound",
            detail=f"rule book {entry.version} is in force and should have been refused: {error}",
            at_ms=at_ms,
        )
    return None


def _refused(error: BookError) -> AgencyError:
    return AgencyError(Reason.INVALID_ARGUMENT, f"the rule book is refused: {error}", field="book")


def history(bundle: Bundle) -> Sequence[BookVersion]:
    """Return every rule book that the stewards signed, oldest first."""
    stewards = {
        steward.keyset.keyset_id: steward.name
        for signed in bundle.roots
        for steward in RootDocument.decode(signed.body).stewards
    }
    versions = []
    for signed in bundle.entries:
        entry = decode_entry(signed.body)
        if isinstance(entry.content, RuleBookEntry):
            names = [stewards[key] for key, _ in signed.signatures if key in stewards]
            versions.append(
                BookVersion(
                    version=entry.content.version,
                    digest=entry.content.digest,
                    index=entry.index,
                    issued_at=entry.issued_at,
                    signed_by=tuple(sorted(names)),
                    entry=entry.content,
                )
            )
    return versions


def version_of(bundle: Bundle, version: int) -> BookVersion:
    """Return one version; 0 is the one in force.

    Raises:
        AgencyError: NOT_FOUND.
    """
    known = history(bundle)
    found = [one for one in known if version in {0, one.version}]
    if not found:
        raise AgencyError(Reason.NOT_FOUND, f"there is no rule book {version or ''}".rstrip())
    return found[-1]


def files_of(version: BookVersion) -> Sources:
    """Return the files that a version was made of.

    Raises:
        AgencyError: INVALID_ARGUMENT; no files make this text.
    """
    try:
        return split(version.entry.schema, version.entry.policies)
    except BookError as error:
        raise _refused(error) from None
