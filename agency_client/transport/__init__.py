# SPDX-License-Identifier: Apache-2.0
"""The way to the broker: gRPC over mutual TLS. The only place that knows wire types."""
