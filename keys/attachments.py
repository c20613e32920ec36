# SPDX-License-Identifier: Apache-2.0
"""Seals attachments as a stream, each under a key of its own that travels in the notice's body.

`keys.opening.AttachmentOpener` opens them. Does no I/O. Source: C2SP chunked-encryption
(Cobblestone-256); docs/protocol.md section 6.
"""

import hashlib
import secrets

from cryptography.cobblestone import Cobblestone256Encryptor

from keys.envelope import ID_BYTES, AttachmentRef
from keys.errors import EnvelopeError
from keys.fields import check_agency, check_bytes
from keys.framing import HASH_BYTES, framed, refusing

KEY_BYTES = 32

_ATTACHMENT = "tocsin/attachment/v1"


@refusing(EnvelopeError)
def attachment_context(federation: bytes, originator: str, attachment_id: bytes) -> bytes:
    """Return the context that binds an attachment to its federation, originator and id."""
    check_bytes(federation, HASH_BYTES, "federation")
    check_agency(originator)
    check_bytes(attachment_id, ID_BYTES, "attachment id")
    return framed(_ATTACHMENT, federation, originator.encode(), attachment_id)


class AttachmentSealer:
    """Encrypts one attachment piece by piece: `update` any number of times, then `finalize` once.

    Attributes:
        id: the attachment's 16-byte id.
        key: its 32-byte key; belongs into the notice's body and nowhere else.
    """

    def __init__(
        self,
        federation: bytes,
        originator: str,
        *,
        attachment_id: bytes | None = None,
        key: bytes | None = None,
    ) -> None:
        self.id = secrets.token_bytes(ID_BYTES) if attachment_id is None else attachment_id
        self.key = secrets.token_bytes(KEY_BYTES) if key is None else key
        context = attachment_context(federation, originator, self.id)
        self._encryptor = Cobblestone256Encryptor(self.key, context)
        self._digest = hashlib.sha256()
        self._length = 0

    def update(self, data: bytes) -> bytes:
        """Return the ciphertext that `data` completes; may be empty."""
        return self._counted(self._encryptor.update(data))

    def finalize(self) -> bytes:
        """Return the last ciphertext. Without it the attachment does not open."""
        return self._counted(self._encryptor.finalize())

    def _counted(self, sealed: bytes) -> bytes:
        self._digest.update(sealed)
        self._length += len(sealed)
        return sealed

    @property
    def ref(self) -> AttachmentRef:
        """What the notice's header says about it; meaningful after `finalize`."""
        return AttachmentRef(id=self.id, digest=self._digest.digest(), length=self._length)
