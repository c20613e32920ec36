# SPDX-License-Identifier: Apache-2.0
"""A directory put into the words of one book, with what holds for an agency whatever the book says.

An entry that does not fit the book's schema is left out, so that one odd entry denies its own
agency or topic and no other. Decides only what needs no rule book: unknown, locked, retired,
auditor, without a key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.decisions import Decision, by_code
from policy.errors import FactError
from policy.evaluation import Entities, Schema, load_entities
from policy.facts import Json, agency_entity, topic_entity

if TYPE_CHECKING:
    from keys.directory import AgencyEntry, Directory

INACTIVE = by_code("code:inactive")
AUDITOR = by_code("code:auditor")
NO_KEY = by_code("code:no-key")
ORIGINATOR = by_code("code:originator", allow=True)
UNKNOWN_AGENCY = by_code("code:unknown-agency")
UNKNOWN_ORIGINATOR = by_code("code:unknown-originator")
UNKNOWN_TOPIC = by_code("code:unknown-topic")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Federation:
    """The facts of one directory.

    Attributes:
        directory: where they come from.
        agencies: every agency and auditor by id, retired ones too.
        entities: what fits the schema, ready for Cedar.
        agencies_left_out: ids of agencies whose facts do not fit it.
        topics: the topics that fit it.
        topics_left_out: those that do not.
    """

    directory: "Directory"
    agencies: Mapping[str, "AgencyEntry"]
    entities: Entities
    agencies_left_out: frozenset[str]
    topics: frozenset[str]
    topics_left_out: frozenset[str]

    @classmethod
    def of(cls, directory: "Directory", schema: Schema) -> "Federation":
        """Return the facts of `directory`, checked against `schema`."""
        agencies = {entry.agency: entry for entry in directory.agencies()}
        unions = {
            circles for one in directory.topics() for circles in (one.readers, one.publishers)
        }
        described = {
            name: agency_entity(entry, active=directory.active(name), unions=unions)
            for name, entry in agencies.items()
        }
        topics = {entry.topic: topic_entity(entry) for entry in directory.topics()}
        bad_agencies = _unfit(described, schema)
        bad_topics = _unfit(topics, schema)
        fitting = [entity for name, entity in described.items() if name not in bad_agencies]
        fitting += [entity for name, entity in topics.items() if name not in bad_topics]
        return cls(
            directory=directory,
            agencies=agencies,
            entities=load_entities(fitting, schema),
            agencies_left_out=bad_agencies,
            topics=frozenset(topics) - bad_topics,
            topics_left_out=bad_topics,
        )

    def bar(self, agency: str) -> Decision | None:
        """Return the denial that holds for every act of `agency`, or None if there is none."""
        entry = self.agencies.get(agency)
        if entry is None:
            return UNKNOWN_AGENCY
        if not self.directory.active(agency):
            return INACTIVE
        if entry.role == "auditor":
            return AUDITOR
        if agency in self.agencies_left_out:
            return unfit("agency", agency)
        return None

    def bar_topic(self, topic: str) -> Decision | None:
        """Return the denial that holds for every act on `topic`, or None if there is none."""
        if topic in self.topics:
            return None
        return unfit("topic", topic) if topic in self.topics_left_out else UNKNOWN_TOPIC

    def has_key(self, agency: str, now: int) -> bool:
        """Return whether something can be sealed to `agency` at `now`."""
        return self.directory.encryption_key(agency, now) is not None

    def key_dates(self, agency: str) -> Iterator[int]:
        """Yield each instant at which `has_key` can change, and the one after it."""
        for key in self.agencies[agency].encryption:
            for date in (key.valid_from, key.valid_until):
                yield date
                yield date + 1


def unfit(kind: str, name: str) -> Decision:
    """Return the denial for an entry of the directory that the book has no words for."""
    error = f"the directory's entry of {kind} {name} does not fit the schema of the rule book"
    return Decision(allow=False, determining=(), says=(NO_DECISION,), errors=(error,))


NO_DECISION = "The rule book could not be evaluated, so nothing is allowed."
"""What is said, beside `Decision.errors`, when Cedar gave no answer that may be used."""


def _unfit(entities: Mapping[str, Json], schema: Schema) -> frozenset[str]:
    """Return the names of those that the schema refuses; one call when, as ever, there are none."""
    if _fits(list(entities.values()), schema):
        return frozenset()
    return frozenset(name for name, entity in entities.items() if not _fits([entity], schema))


def _fits(entities: list[Json], schema: Schema) -> bool:
    try:
        load_entities(entities, schema)
    except FactError:
        return False
    return True
