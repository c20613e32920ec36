# SPDX-License-Identifier: Apache-2.0
"""The broker's edge to the network: `tocsin.v1` over gRPC, and nothing that decides.

Each servicer parses, calls one service and formats. Authentication, access, refusals and the
cutting of streams are in `gate`, once for every method.
"""
