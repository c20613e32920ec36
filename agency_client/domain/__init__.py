# SPDX-License-Identifier: Apache-2.0
"""Values and decisions of the agency: no clock, no randomness, no disk, no network."""
