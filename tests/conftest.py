# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run: hypothesis draws the same examples each time.

A property that fails then fails for everybody. To search further:
`python -m pytest --hypothesis-profile default`.
"""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")
