# SPDX-License-Identifier: Apache-2.0
"""The agency: library, command line and local store. The only side that opens a notice."""
