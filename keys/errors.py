# SPDX-License-Identifier: Apache-2.0
"""The errors of the trust library: one tree, each with a stable reason.

Hostile bytes raise one of these and nothing else. The reason is for the party whose own check
failed; what a sender is told of it is the broker's to choose. Source: docs/protocol.md section 7.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused. Stable: callers and logs may compare it."""

    MALFORMED = "malformed"
    LIMIT_EXCEEDED = "limit_exceeded"
    SIGNATURE_INVALID = "signature_invalid"
    STATEMENT_MISMATCH = "statement_mismatch"
    UNKNOWN_KEYSET = "unknown_keyset"
    FOREIGN_FEDERATION = "foreign_federation"
    WRONG_TOPIC = "wrong_topic"
    REPEATED_ID = "repeated_id"
    NOT_A_RECIPIENT = "not_a_recipient"
    RECIPIENTS_INVALID = "recipients_invalid"
    REGRANT_INVALID = "regrant_invalid"
    WRAP_INVALID = "wrap_invalid"
    COMMITMENT_MISMATCH = "commitment_mismatch"
    BODY_INVALID = "body_invalid"
    PADDING_INVALID = "padding_invalid"
    PROOF_INVALID = "proof_invalid"
    PASSPHRASE_WRONG = "passphrase_wrong"  # noqa: S105 - a reason, not a secret
    KEY_INVALID = "key_invalid"
    KEY_FILE_INVALID = "key_file_invalid"
    KEY_FILE_MISSING = "key_file_missing"
    KEY_FILE_PERMISSIONS = "key_file_permissions"
    NOT_ENOUGH_SIGNATURES = "not_enough_signatures"
    ROOT_INVALID = "root_invalid"
    ENTRY_INVALID = "entry_invalid"
    EXPIRED = "expired"
    CHECKPOINT_INVALID = "checkpoint_invalid"
    LEAF_MISMATCH = "leaf_mismatch"
    ATTACHMENT_INVALID = "attachment_invalid"
    CERTIFICATE_INVALID = "certificate_invalid"


class TrustError(Exception):
    """Root of the tree. `reason` is stable; `detail` says what was expected and what was got."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class FramingError(TrustError):
    """Bytes are not what `framed` would have written."""


class EnvelopeError(TrustError):
    """A frame, grant, recall or letter is malformed or does not match what its sender signed."""


class SignatureError(TrustError):
    """A signature is missing, wrong, or by a key that does not count."""


class OpenError(TrustError):
    """A wrap, body or attachment does not open."""


class ProofError(TrustError):
    """A Merkle proof does not prove what it was given for."""


class KeyFileError(TrustError):
    """A key file cannot be used."""


class RootError(TrustError):
    """A federation root, or a step from one version to the next, is refused."""


class DirectoryError(TrustError):
    """A directory entry is refused."""


class CheckpointError(TrustError):
    """A log's checkpoint is refused."""


class LeafError(TrustError):
    """A log leaf does not say what it was said to say."""


class CertificateError(TrustError):
    """A transport certificate does not prove the identity it names."""
