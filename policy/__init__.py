# SPDX-License-Identifier: Apache-2.0
"""The one decision function, used by sender, broker and receiver: evaluates the signed rule book.

`policy.engine.PolicyEngine` answers; `policy.book.RuleBook` is what it answers from;
`policy.standard_book()` is the text of the rule book that a new federation starts with.
"""

from policy.standard import standard_book

__all__ = ["standard_book"]
