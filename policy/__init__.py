# SPDX-License-Identifier: Apache-2.0
"""The one decision function, used by sender, broker and receiver. Evaluates the signed Cedar rule book."""
