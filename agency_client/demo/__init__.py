# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a broker and four agencies as real processes on this machine.

Everything that is shown is checked by the program itself; nothing is mocked.
"""
