# SPDX-License-Identifier: Apache-2.0
"""Generated code of tocsin.v1; see docs/protocol.md and protos/regenerate."""
