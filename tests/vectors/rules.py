# SPDX-License-Identifier: Apache-2.0
"""The rule book of the vectors: the shortest under which their deliveries are decided."""

SCHEMA = """\
namespace Tocsin {
  entity Tlp enum ["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"];
  entity Handling enum ["H0", "H1", "H2", "H3"];
  entity Purpose enum ["INVESTIGATION", "PROSECUTION", "VICTIM_PROTECTION"];
  entity Kind enum ["POLICE", "NGO"];
  entity NoticeType enum ["ALERT", "SUSPECT"];
  entity Country;
  entity Circle;
  entity Officer;
  entity Agency in [Country, Circle] = {
    country: Country, kind: Kind, active: Bool, contact247: Bool, agreementUntil: datetime
  } tags datetime;
  entity Topic in [Topic] = {
    readers: Circle, publishers: Circle, victimAssistance: Bool, minClearance: Long
  };
  entity Operation = { startsAt: datetime, endsAt: datetime };
  entity Notice in [Topic, Agency] = {
    originator: Agency, topic: Topic, noticeType: NoticeType, tlp: Tlp,
    handling: Set<Handling>, purposes: Set<Purpose>, notFor: Set<Country>,
    namedAgencies: Set<Agency>, namedOfficers: Set<Officer>, onwardGrants: Set<Agency>,
    sanitised: Bool, withdrawn: Bool, validFrom: datetime, validUntil: datetime,
    operation?: Operation, operationId?: String
  };
  action publish, deliver appliesTo {
    principal: [Agency], resource: [Notice], context: { now: datetime }
  };
  action subscribe appliesTo {
    principal: [Agency], resource: [Topic], context: { now: datetime, purpose: Purpose }
  };
}
"""
POLICIES = """\
@id("R1-readers")
@says("Who is in the topic's reader circle receives its notices while its agreement runs.")
permit (principal, action == Tocsin::Action::"deliver", resource)
when { principal in resource.topic.readers && principal.agreementUntil > context.now };

@id("R2-publishers")
@says("Who is in the topic's publisher circle publishes under its own name.")
permit (principal, action == Tocsin::Action::"publish", resource)
when { principal in resource.topic.publishers && resource.originator == principal };

@id("R3-subscribers")
@says("Who is in the topic's reader circle subscribes.")
permit (principal, action == Tocsin::Action::"subscribe", resource)
when { principal in resource.readers };

@id("R4-not-for")
@says("No agency of an excluded country receives a notice.")
forbid (principal, action == Tocsin::Action::"deliver", resource)
when { resource.notFor.contains(principal.country) };
"""
