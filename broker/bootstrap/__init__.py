# SPDX-License-Identifier: Apache-2.0
"""Puts the broker together from its parts, runs it, and ends it in order."""
