# SPDX-License-Identifier: Apache-2.0
"""What the services ask of the world outside: broker, store, files, clock. Protocols only."""
