# SPDX-License-Identifier: Apache-2.0
"""Values and decisions of the broker: no clock, no randomness, no disk, no network."""
