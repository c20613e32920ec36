# SPDX-License-Identifier: Apache-2.0
"""People behind a gateway: what an agency says of an officer, and what two persons agreed to."""
