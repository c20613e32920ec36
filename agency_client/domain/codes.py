# SPDX-License-Identifier: Apache-2.0
"""The code tables of notices: what each code says, in the words that people are shown.

Decides nothing and checks nothing; `domain.schemas` makes closed lists of these. Eyes and hair are
open schemes: codes that are not listed are kept as they come.

Sources: INTERPOL notice types and the codes of its public notices; FIRST TLP 2.0; Europol handling
codes and 4x4 grading; United Kingdom 5x5x5; Palermo Protocol article 3; IOM HTCDS 2.0 (spelt as
there); SIS II Regulation 2018/1862 article 32.
"""

from collections.abc import Mapping

from agency_client.domain.countries import COUNTRIES, NOT_KNOWN
from agency_client.domain.languages import LANGUAGES

CodeTable = Mapping[str, str]

NOTICE_TYPES: CodeTable = {
    "RED": "wanted person: find and arrest, with a view to extradition",
    "YELLOW": "missing person, or one who cannot say who they are: find or identify",
    "BLUE": "person of interest to an investigation: identity, whereabouts or activities wanted",
    "BLACK": "unidentified body: identify",
    "GREEN": "warning about a person's criminal activities",
    "ORANGE": "warning about an event, a person, a thing or a process that is an imminent threat",
    "PURPLE": "ways of working, objects, devices and hiding places that offenders use",
    "SILVER": "assets: find, identify or tell about them",
    "MISSING_PERSON": "missing or vulnerable person to be found, protected or kept from travelling",
    "CASE_SUMMARY": "what a case is about, for partners who may be concerned",
    "VICTIM_REFERRAL": "hands a victim over to those who help",
    "REQUEST": "asks a partner for information or an act",
    "REPLY": "answers a request",
    "FREE_TEXT": "anything that no other type fits",
}

TLP: CodeTable = {
    "RED": "named recipients only",
    "AMBER+STRICT": "the receiving agency only",
    "AMBER": "the receiving agency and those of its partners who need to know",
    "GREEN": "the community",
    "CLEAR": "anybody",
}

HANDLING: CodeTable = {
    "H0": "no restriction beyond preventing and combating crime",
    "H1": "not as evidence without the originator's permission",
    "H2": "not passed on without the originator's permission",
    "H3": "other restrictions, see the handling note",
}

PURPOSES: CodeTable = {
    "PREVENTION": "preventing crime",
    "INVESTIGATION": "investigating crime",
    "PROSECUTION": "prosecuting crime",
    "VICTIM_PROTECTION": "protecting victims",
    "THREAT_TO_LIFE": "averting a threat to life",
    "ASSET_RECOVERY": "recovering assets",
    "STATISTICS": "statistics without persons",
}

STATUSES: CodeTable = {
    "WANTED": "wanted for arrest",
    "CONVICTED": "convicted",
    "CHARGED": "charged",
    "SUSPECT": "suspected of an offence",
    "PERSON_OF_INTEREST": "of interest to an investigation, no suspicion stated",
    "POSSIBLE_THREAT": "may be a threat to public safety",
    "VICTIM": "victim",
    "POSSIBLE_VICTIM": "may be a victim",
    "WITNESS": "witness",
    "MISSING": "missing",
    "VULNERABLE": "to be protected, or kept from travelling for their own protection",
    "UNIDENTIFIED": "cannot say who they are",
    "DECEASED": "dead, to be identified",
    "REPORTING_PERSON": "reported the case",
    "CONTACT": "relative or contact of a person in the case",
    "OTHER": "other, see the remarks",
}

SEXES: CodeTable = {"M": "male", "F": "female", "X": "other", "U": "not known"}

EYES: CodeTable = {
    "BLA": "black",
    "BLU": "blue",
    "BRO": "brown",
    "GRE": "green",
    "GRY": "grey",
    "HAZ": "hazel",
}

HAIR: CodeTable = {
    "BLA": "black",
    "BLD": "blond",
    "BRO": "brown",
    "BROF": "fair",
    "GRY": "grey",
    "GRYG": "greying",
    "HAIB": "bald",
    "HAID": "dyed",
    "OTHD": "dark",
    "RED": "red",
    "REDA": "auburn",
    "WHI": "white",
    "YELB": "blond",
}

DOCUMENT_KINDS: CodeTable = {
    "PASSPORT": "passport",
    "IDENTITY_CARD": "identity card",
    "RESIDENCE_PERMIT": "residence permit",
    "VISA": "visa",
    "DRIVING_LICENCE": "driving licence",
    "TRAVEL_DOCUMENT": "refugee or other travel document",
    "BIRTH_CERTIFICATE": "birth certificate",
    "SEAFARER_BOOK": "seafarer's book",
    "OTHER": "other, see the remarks",
}

DOCUMENT_CONDITIONS: CodeTable = {
    "GENUINE": "genuine",
    "FORGED": "forged or altered",
    "STOLEN": "stolen",
    "LOST": "lost",
    "WITHHELD": "kept from its holder by another",
    "NOT_KNOWN": "not known",
}

VEHICLE_KINDS: CodeTable = {
    "CAR": "car",
    "VAN": "van or minibus",
    "LORRY": "lorry",
    "BUS": "bus",
    "MOTORCYCLE": "motorcycle",
    "TRAILER": "trailer or caravan",
    "VESSEL": "vessel or boat",
    "AIRCRAFT": "aircraft",
    "OTHER": "other, see the remarks",
}

ACCOUNT_KINDS: CodeTable = {
    "EMAIL": "e-mail address",
    "SOCIAL_NETWORK": "profile in a social network",
    "MESSENGER": "messenger account",
    "ADVERTISEMENT": "advertisement or its account",
    "MARKETPLACE": "marketplace or classifieds account",
    "GAME": "gaming account",
    "FORUM": "forum or board account",
    "PAYMENT": "payment service account",
    "WEBSITE": "website",
    "OTHER": "other, see the remarks",
}

ASSET_KINDS: CodeTable = {
    "BANK_ACCOUNT": "bank account",
    "VIRTUAL_CURRENCY_WALLET": "virtual currency wallet",
    "REAL_ESTATE": "real estate",
    "VEHICLE": "vehicle",
    "VESSEL": "vessel",
    "COMPANY": "company or share in one",
    "VALUABLES": "cash or valuables",
    "OTHER": "other, see the description",
}

ACTS: CodeTable = {
    "RECRUITMENT": "recruitment",
    "TRANSPORTATION": "transportation",
    "TRANSFER": "transfer",
    "HARBOURING": "harbouring",
    "RECEIPT": "receipt",
}

MEANS: CodeTable = {
    "THREAT_OR_FORCE": "threat or use of force",
    "COERCION": "other coercion",
    "ABDUCTION": "abduction",
    "FRAUD": "fraud",
    "DECEPTION": "deception",
    "ABUSE_OF_POWER": "abuse of power",
    "ABUSE_OF_VULNERABILITY": "abuse of a position of vulnerability",
    "PAYMENTS_TO_CONTROLLER": "payments or benefits to a person in control of another",
    "NOT_KNOWN": "not known yet",
}

EXPLOITATION: CodeTable = {
    "ForcedLabour": "forced labour",
    "SexualExploitation": "sexual exploitation",
    "ChildLabour": "child labour",
    "ForcedMarriage": "forced marriage",
    "Servitude": "servitude",
    "ForcedMilitaryByNonStateActors": "forced military service for others than states",
    "OrganRemoval": "removal of organs",
    "ForcedBegging": "forced begging",
    "ForcedAdoption": "forced adoption",
    "Surrogacy": "surrogacy",
    "Other": "other",
}

CONTROLS: CodeTable = {
    "PhysicalThreats": "physical threats",
    "ThreatsLawEnforcement": "threats with law enforcement",
    "ThreatensChildrenFamily": "threats against children or family",
    "DebtBondage": "debt bondage",
    "FalsePromises": "false promises",
    "PhysicalAbuse": "physical abuse",
    "SexualAbuse": "sexual abuse",
    "TakesEarnings": "takes earnings",
    "RestrictsFinancialAccess": "restricts access to money",
    "RestrictsMedicalCare": "restricts medical care",
    "WithholdsNecessities": "withholds necessities",
    "PsychologicalAbuse": "psychological abuse",
    "PsychoactiveSubstance": "psychoactive substances",
    "ExcessiveWorkingHours": "excessive working hours",
    "WithholdsDocuments": "withholds documents",
    "Other": "other",
}

RECRUITMENT: CodeTable = {
    "AtAPlaceOfBusiness": "at a place of business",
    "AtAnEducationalInstitution": "at an educational institution",
    "AtWork": "at work",
    "ThroughOnlineSocialNetworks": "through online social networks",
    "ThroughAnOnlineAdvertisement": "through an online advertisement",
    "ThroughATelevisionAdvert": "through a television advertisement",
    "ThroughANewspaperAdvert": "through a newspaper advertisement",
    "ThroughFamilyOrFamilyEvents": "through family or family events",
    "ThroughFriendsOrSocialEvents": "through friends or social events",
    "Other": "other",
}

NEEDS: CodeTable = {
    "SHELTER": "a safe place to stay",
    "PROTECTION": "protection against threats",
    "MEDICAL": "medical care",
    "PSYCHOLOGICAL": "psychological care",
    "LEGAL": "legal advice",
    "INTERPRETER": "an interpreter",
    "GUARDIAN": "a guardian, for a child",
    "DOCUMENTS": "identity documents",
    "RESIDENCE": "a residence permit or reflection period",
    "RETURN": "voluntary return",
    "MATERIAL": "food, clothes or money",
    "FAMILY_TRACING": "family tracing",
    "WORK_OR_SCHOOL": "work, training or school",
    "OTHER": "other, see the summary",
}

CONSENT_GIVERS: CodeTable = {
    "SELF": "the person",
    "GUARDIAN": "a parent or guardian",
    "COURT": "a court or authority in their place",
}

RISKS: CodeTable = {
    "HIGH": "high: act at once",
    "MEDIUM": "medium",
    "LOW": "low",
    "NOT_KNOWN": "not known",
}

ALERT_CATEGORIES: CodeTable = {
    "32A": "missing, to be placed under protection",
    "32B": "missing, not to be placed under protection",
    "32C": "child at risk of abduction by a parent, relative or guardian",
    "32D": "child to be kept from travelling: risk of trafficking, forced marriage or the like",
    "32E": "vulnerable adult to be kept from travelling for their own protection",
}

REQUEST_KINDS: CodeTable = {
    "INFORMATION": "what is known about a matter",
    "IDENTITY_CHECK": "who a person is",
    "LOCATION": "where a person is",
    "DOCUMENT_CHECK": "whether a document is genuine and whose it is",
    "VEHICLE_CHECK": "whose a vehicle is and where it was",
    "SUBSCRIBER": "whose a phone number or account is",
    "PRESERVATION": "to preserve data until a formal request arrives",
    "INTERVIEW": "to hear a person",
    "ACTION": "to act, see the question",
    "OTHER": "other, see the question",
}

OUTCOMES: CodeTable = {
    "ANSWERED": "answered",
    "PARTLY": "answered in part",
    "NOTHING_KNOWN": "nothing is known here",
    "CLARIFICATION": "the question has to be made clearer",
    "FORWARDED": "passed to the competent agency",
    "REFUSED": "refused",
}

INSTRUMENTS: CodeTable = {
    "NOTICE": "notice, published by the General Secretariat",
    "DIFFUSION": "diffusion, sent by a national bureau to chosen ones",
    "ADDENDUM": "addendum",
    "CANCELLATION": "cancellation",
}

SOURCES_4X4: CodeTable = {
    "A": "no doubt about authenticity, trust and competence; always reliable",
    "B": "reliable in most cases",
    "C": "unreliable in most cases",
    "X": "cannot be assessed",
}

INFORMATION_4X4: CodeTable = {
    "1": "accuracy not in doubt",
    "2": "known personally to the source, not to the officer",
    "3": "not known personally to the source, but corroborated",
    "4": "not known personally to the source and cannot be corroborated",
}

SOURCES_5X5X5: CodeTable = {
    "A": "always reliable",
    "B": "mostly reliable",
    "C": "sometimes reliable",
    "D": "unreliable",
    "E": "untested",
}

INFORMATION_5X5X5: CodeTable = {
    "1": "known to be true",
    "2": "known personally to the source, not to the officer",
    "3": "not known personally to the source, but corroborated",
    "4": "cannot be judged",
    "5": "suspected to be false",
}

HANDLING_5X5X5: CodeTable = {
    "1": "may be given to other law enforcement as the default rules allow",
    "2": "may be given to partners that do not prosecute",
    "3": "may be given to law enforcement abroad",
    "5": "may be given under the conditions of the handling note",
}
"""4, within the originating agency only, is missing: what is published leaves the agency."""

GRADINGS: Mapping[str, Mapping[str, CodeTable]] = {
    "4x4": {"source": SOURCES_4X4, "information": INFORMATION_4X4},
    "5x5x5": {
        "source": SOURCES_5X5X5,
        "information": INFORMATION_5X5X5,
        "handling": HANDLING_5X5X5,
    },
}
"""What each part of a grade says depends on the scheme."""

MODES: CodeTable = {
    "ACTUAL": "real",
    "EXERCISE": "exercise: act only within it",
    "TEST": "test of the line: do not act",
}

PRIORITIES: CodeTable = {
    "ROUTINE": "in the usual course",
    "PRIORITY": "before routine work",
    "IMMEDIATE": "now",
    "FLASH": "before everything else",
}

REGRANTS: CodeTable = {
    "none": "nobody may admit a further agency",
    "originator": "the originator may admit a further agency",
}

TABLES: Mapping[str, CodeTable] = {
    "account_kind": ACCOUNT_KINDS,
    "act": ACTS,
    "alert_category": ALERT_CATEGORIES,
    "asset_kind": ASSET_KINDS,
    "consent_giver": CONSENT_GIVERS,
    "control": CONTROLS,
    "country": COUNTRIES,
    "country_or_unknown": {**COUNTRIES, **NOT_KNOWN},
    "document_condition": DOCUMENT_CONDITIONS,
    "document_kind": DOCUMENT_KINDS,
    "exploitation": EXPLOITATION,
    "handling": HANDLING,
    "instrument": INSTRUMENTS,
    "language": LANGUAGES,
    "means": MEANS,
    "mode": MODES,
    "need": NEEDS,
    "outcome": OUTCOMES,
    "priority": PRIORITIES,
    "purpose": PURPOSES,
    "recruitment": RECRUITMENT,
    "regrant": REGRANTS,
    "request_kind": REQUEST_KINDS,
    "risk": RISKS,
    "sex": SEXES,
    "status": STATUSES,
    "tlp": TLP,
    "vehicle_kind": VEHICLE_KINDS,
}
"""Closed lists, by the name that the schemas give them."""

OPEN_TABLES: Mapping[str, CodeTable] = {"eyes": EYES, "hair": HAIR}
"""Open schemes: other codes of the same form are kept."""
