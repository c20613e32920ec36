# SPDX-License-Identifier: Apache-2.0
"""The `tocsin` command: parses, calls the library, prints. Decides nothing about notices."""
