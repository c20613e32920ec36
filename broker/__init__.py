# SPDX-License-Identifier: Apache-2.0
"""The broker: stores and hands on sealed frames, and proves what it did.

Reaches no code that opens a notice.
"""
