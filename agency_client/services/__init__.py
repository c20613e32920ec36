# SPDX-License-Identifier: Apache-2.0
"""What an agency does with notices: publish, receive, show, search, prove.

Network, database and clock come in through ports; files of the user's are read and written here.
"""
