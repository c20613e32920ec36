# SPDX-License-Identifier: Apache-2.0
"""Wire types of the Tocsin protocol."""
