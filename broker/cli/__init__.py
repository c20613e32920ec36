# SPDX-License-Identifier: Apache-2.0
"""The `tocsin-broker` command: parses, calls bootstrap, prints. Commands load when used."""
