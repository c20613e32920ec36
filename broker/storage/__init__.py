# SPDX-License-Identifier: Apache-2.0
"""Where frames, cursors, attachments, directory and logs are kept: `sqlite.SqliteStore`."""
