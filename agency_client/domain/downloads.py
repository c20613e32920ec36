# SPDX-License-Identifier: Apache-2.0
"""What a download of an attachment is called while it is not whole."""

from keys.envelope import AttachmentRef
from keys.framing import framed, sha256

_PARTIAL = "tocsin/partial-download/v1"


def download_name(originator: str, notice_id: bytes, ref: AttachmentRef) -> bytes:
    """Return where a download is kept: by all that names it, for ids are the originator's choice.

    Args:
        originator: whose notice lists it.
        notice_id: of that notice.
        ref: what the notice's header says of the attachment.
    """
    return sha256(framed(_PARTIAL, originator.encode(), notice_id, ref.encode()))
