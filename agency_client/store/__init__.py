# SPDX-License-Identifier: Apache-2.0
"""The agency's own memory: a SQLCipher database and the sealed files of a profile."""
