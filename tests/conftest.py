# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run: hypothesis draws the same examples each time.

A property that fails then fails for everybody. To search further:
`python -m pytest --hypothesis-profile default`.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    # How long an example takes says how busy the machine is, not whether the property holds.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
