# SPDX-License-Identifier: Apache-2.0
"""What the broker does, over ports: admit, deliver, keep, prove. Touches no socket and no disk."""
