# SPDX-License-Identifier: Apache-2.0
"""Makes every vector file: `python -m tests.vectors.make [FOLDER]`, this folder unless given.

Made again from unchanged code, each file is the same byte for byte.
"""

import sys
from pathlib import Path

from tests.vectors import bodies, delivering, federation, log, mail, refusals, sealing, values
from tests.vectors.cast import Cast
from tests.vectors.form import FOLDER, Kept


def texts(kept: Kept) -> dict[str, str]:
    """Return the text of each file by its name within the folder."""
    cast = Cast(kept=kept)
    story = federation.tell(cast)
    sealed = sealing.seal(story)
    vectors = [
        *values.vectors(cast, sealed),
        *sealing.vectors(sealed),
        *bodies.vectors(sealed),
        *delivering.vectors(sealed),
        *mail.vectors(sealed),
        *federation.vectors(story),
        *log.vectors(cast),
        *refusals.vectors(sealed),
    ]
    return {f"{vector.name}.json": vector.text() for vector in vectors}


def write(folder: Path) -> int:
    """Write all files into `folder` and return how many; keeps what earlier files there hold."""
    made = texts(Kept.of(folder))
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(made)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    sys.stdout.write(f"{write(folder)} vector files in {folder}\n")


if __name__ == "__main__":
    main()
