# SPDX-License-Identifier: Apache-2.0
"""The trust library: framing, sealing, opening, signing, proofs; no I/O beyond key files."""
