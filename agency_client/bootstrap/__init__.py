# SPDX-License-Identifier: Apache-2.0
"""The one place where the services meet the world: profiles, the open agency, the way to a broker.

gRPC is loaded when a broker is first needed and not before: it takes a while, and what it speaks is
decided when it is loaded (`transport.tls`).
"""

from agency_client.bootstrap.agency import Agency
from agency_client.bootstrap.connecting import connect_broker
from agency_client.bootstrap.enrolment import Enrolment, enrol_profile
from agency_client.bootstrap.profile import create_profile

__all__ = ["Agency", "Enrolment", "connect_broker", "create_profile", "enrol_profile"]
