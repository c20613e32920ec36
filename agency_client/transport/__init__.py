# SPDX-License-Identifier: Apache-2.0
"""The agency's side of the wire: `ports.broker.Broker` over gRPC. `tocsin.v1` ends here.

What a broker answers is parsed and bounded here and verified nowhere here: that is the services'
business. gRPC itself never tries a call again: what was sent and not answered is decided about by
the outbox.
"""
