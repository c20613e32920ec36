# SPDX-License-Identifier: Apache-2.0
"""What an agency does with notices: publish, receive, show, search, prove. No I/O of their own: all of it goes through ports."""
