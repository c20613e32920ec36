# SPDX-License-Identifier: Apache-2.0
"""Languages by ISO 639-2 code in capitals, as INTERPOL writes them, with an English name.

Both sets are in: bibliographic (FRE, GRE, RUM) and terminological (FRA, ELL, RON). Codes kept for
local use (QAA to QTZ) are not. Source: the registration authority of ISO 639-2, Library of
Congress; names shortened.
"""

from collections.abc import Mapping

from agency_client.domain.countries import read_table

_TABLE = """
AAR Afar; ABK Abkhazian; ACE Achinese; ACH Acoli; ADA Adangme; ADY Adyghe;
AFA Afro-Asiatic languages; AFH Afrihili; AFR Afrikaans; AIN Ainu; AKA Akan; AKK Akkadian;
ALB Albanian; ALE Aleut; ALG Algonquian languages; ALT Southern Altai; AMH Amharic;
ANG English, Old; ANP Angika; APA Apache languages; ARA Arabic; ARC Official Aramaic;
ARG Aragonese; ARM Armenian; ARN Mapudungun; ARP Arapaho; ART Artificial languages; ARW Arawak;
ASM Assamese; AST Asturian; ATH Athapascan languages; AUS Australian languages; AVA Avaric;
AVE Avestan; AWA Awadhi; AYM Aymara; AZE Azerbaijani; BAD Banda languages;
BAI Bamileke languages; BAK Bashkir; BAL Baluchi; BAM Bambara; BAN Balinese; BAQ Basque;
BAS Basa; BAT Baltic languages; BEJ Beja; BEL Belarusian; BEM Bemba; BEN Bengali;
BER Berber languages; BHO Bhojpuri; BIH Bihari languages; BIK Bikol; BIN Bini; BIS Bislama;
BLA Siksika; BNT Bantu; BOD Tibetan; BOS Bosnian; BRA Braj; BRE Breton; BTK Batak languages;
BUA Buriat; BUG Buginese; BUL Bulgarian; BUR Burmese; BYN Blin; CAD Caddo;
CAI Central American Indian languages; CAR Galibi Carib; CAT Catalan; CAU Caucasian languages;
CEB Cebuano; CEL Celtic languages; CES Czech; CHA Chamorro; CHB Chibcha; CHE Chechen;
CHG Chagatai; CHI Chinese; CHK Chuukese; CHM Mari; CHN Chinook jargon; CHO Choctaw;
CHP Chipewyan; CHR Cherokee; CHU Church Slavic; CHV Chuvash; CHY Cheyenne; CMC Chamic languages;
CNR Montenegrin; COP Coptic; COR Cornish; COS Corsican; CPE Creoles and pidgins, English based;
CPF Creoles and pidgins, French-based; CPP Creoles and pidgins, Portuguese-based; CRE Cree;
CRH Crimean Tatar; CRP Creoles and pidgins; CSB Kashubian; CUS Cushitic languages; CYM Welsh;
CZE Czech; DAK Dakota; DAN Danish; DAR Dargwa; DAY Land Dayak languages; DEL Delaware;
DEN Slave; DEU German; DGR Dogrib; DIN Dinka; DIV Divehi; DOI Dogri; DRA Dravidian languages;
DSB Lower Sorbian; DUA Duala; DUM Dutch, Middle; DUT Dutch; DYU Dyula; DZO Dzongkha; EFI Efik;
EGY Egyptian; EKA Ekajuk; ELL Greek; ELX Elamite; ENG English; ENM English, Middle;
EPO Esperanto; EST Estonian; EUS Basque; EWE Ewe; EWO Ewondo; FAN Fang; FAO Faroese;
FAS Persian; FAT Fanti; FIJ Fijian; FIL Filipino; FIN Finnish; FIU Finno-Ugrian languages;
FON Fon; FRA French; FRE French; FRM French, Middle; FRO French, Old; FRR Northern Frisian;
FRS Eastern Frisian; FRY Western Frisian; FUL Fulah; FUR Friulian; GAA Ga; GAY Gayo; GBA Gbaya;
GEM Germanic languages; GEO Georgian; GER German; GEZ Geez; GIL Gilbertese; GLA Gaelic;
GLE Irish; GLG Galician; GLV Manx; GMH German, Middle High; GOH German, Old High; GON Gondi;
GOR Gorontalo; GOT Gothic; GRB Grebo; GRC Ancient Greek; GRE Greek; GRN Guarani;
GSW Swiss German; GUJ Gujarati; GWI Gwich'in; HAI Haida; HAT Haitian; HAU Hausa; HAW Hawaiian;
HEB Hebrew; HER Herero; HIL Hiligaynon; HIM Himachali languages; HIN Hindi; HIT Hittite;
HMN Hmong; HMO Hiri Motu; HRV Croatian; HSB Upper Sorbian; HUN Hungarian; HUP Hupa;
HYE Armenian; IBA Iban; IBO Igbo; ICE Icelandic; IDO Ido; III Sichuan Yi; IJO Ijo languages;
IKU Inuktitut; ILE Interlingue; ILO Iloko; INA Interlingua; INC Indic languages; IND Indonesian;
INE Indo-European languages; INH Ingush; IPK Inupiaq; IRA Iranian languages;
IRO Iroquoian languages; ISL Icelandic; ITA Italian; JAV Javanese; JBO Lojban; JPN Japanese;
JPR Judeo-Persian; JRB Judeo-Arabic; KAA Kara-Kalpak; KAB Kabyle; KAC Kachin; KAL Kalaallisut;
KAM Kamba; KAN Kannada; KAR Karen languages; KAS Kashmiri; KAT Georgian; KAU Kanuri; KAW Kawi;
KAZ Kazakh; KBD Kabardian; KHA Khasi; KHI Khoisan languages; KHM Central Khmer; KHO Khotanese;
KIK Kikuyu; KIN Kinyarwanda; KIR Kirghiz; KMB Kimbundu; KOK Konkani; KOM Komi; KON Kongo;
KOR Korean; KOS Kosraean; KPE Kpelle; KRC Karachay-Balkar; KRL Karelian; KRO Kru languages;
KRU Kurukh; KUA Kuanyama; KUM Kumyk; KUR Kurdish; KUT Kutenai; LAD Ladino; LAH Lahnda;
LAM Lamba; LAO Lao; LAT Latin; LAV Latvian; LEZ Lezghian; LIM Limburgan; LIN Lingala;
LIT Lithuanian; LOL Mongo; LOZ Lozi; LTZ Luxembourgish; LUA Luba-Lulua; LUB Luba-Katanga;
LUG Ganda; LUI Luiseno; LUN Lunda; LUO Luo; LUS Lushai; MAC Macedonian; MAD Madurese;
MAG Magahi; MAH Marshallese; MAI Maithili; MAK Makasar; MAL Malayalam; MAN Mandingo; MAO Maori;
MAP Austronesian languages; MAR Marathi; MAS Masai; MAY Malay; MDF Moksha; MDR Mandar;
MEN Mende; MGA Irish, Middle; MIC Mi'kmaq; MIN Minangkabau; MIS uncoded language;
MKD Macedonian; MKH Mon-Khmer languages; MLG Malagasy; MLT Maltese; MNC Manchu; MNI Manipuri;
MNO Manobo languages; MOH Mohawk; MON Mongolian; MOS Mossi; MRI Maori; MSA Malay;
MUL several languages; MUN Munda languages; MUS Creek; MWL Mirandese; MWR Marwari; MYA Burmese;
MYN Mayan languages; MYV Erzya; NAH Nahuatl languages; NAI North American Indian languages;
NAP Neapolitan; NAU Nauru; NAV Navajo; NBL Ndebele, South; NDE Ndebele, North; NDO Ndonga;
NDS Low German; NEP Nepali; NEW Nepal Bhasa; NIA Nias; NIC Niger-Kordofanian languages;
NIU Niuean; NLD Dutch; NNO Norwegian Nynorsk; NOB Bokmål, Norwegian; NOG Nogai; NON Norse, Old;
NOR Norwegian; NQO N'Ko; NSO Pedi; NUB Nubian languages; NWC Classical Newari; NYA Chichewa;
NYM Nyamwezi; NYN Nyankole; NYO Nyoro; NZI Nzima; OCI Occitan; OJI Ojibwa; ORI Oriya; ORM Oromo;
OSA Osage; OSS Ossetian; OTA Turkish, Ottoman; OTO Otomian languages; PAA Papuan languages;
PAG Pangasinan; PAL Pahlavi; PAM Pampanga; PAN Panjabi; PAP Papiamento; PAU Palauan;
PEO Persian, Old; PER Persian; PHI Philippine languages; PHN Phoenician; PLI Pali; POL Polish;
PON Pohnpeian; POR Portuguese; PRA Prakrit languages; PRO Provençal, Old; PUS Pushto;
QUE Quechua; RAJ Rajasthani; RAP Rapanui; RAR Rarotongan; ROA Romance languages; ROH Romansh;
ROM Romany; RON Romanian; RUM Romanian; RUN Rundi; RUP Aromanian; RUS Russian; SAD Sandawe;
SAG Sango; SAH Yakut; SAI South American Indian; SAL Salishan languages; SAM Samaritan Aramaic;
SAN Sanskrit; SAS Sasak; SAT Santali; SCN Sicilian; SCO Scots; SEL Selkup;
SEM Semitic languages; SGA Irish, Old; SGN Sign Languages; SHN Shan; SID Sidamo; SIN Sinhala;
SIO Siouan languages; SIT Sino-Tibetan languages; SLA Slavic languages; SLK Slovak; SLO Slovak;
SLV Slovenian; SMA Southern Sami; SME Northern Sami; SMI Sami languages; SMJ Lule Sami;
SMN Inari Sami; SMO Samoan; SMS Skolt Sami; SNA Shona; SND Sindhi; SNK Soninke; SOG Sogdian;
SOM Somali; SON Songhai languages; SOT Sotho, Southern; SPA Spanish; SQI Albanian;
SRD Sardinian; SRN Sranan Tongo; SRP Serbian; SRR Serer; SSA Nilo-Saharan languages; SSW Swati;
SUK Sukuma; SUN Sundanese; SUS Susu; SUX Sumerian; SWA Swahili; SWE Swedish;
SYC Classical Syriac; SYR Syriac; TAH Tahitian; TAI Tai languages; TAM Tamil; TAT Tatar;
TEL Telugu; TEM Timne; TER Tereno; TET Tetum; TGK Tajik; TGL Tagalog; THA Thai; TIB Tibetan;
TIG Tigre; TIR Tigrinya; TIV Tiv; TKL Tokelau; TLH Klingon; TLI Tlingit; TMH Tamashek;
TOG Tonga; TON Tonga; TPI Tok Pisin; TSI Tsimshian; TSN Tswana; TSO Tsonga; TUK Turkmen;
TUM Tumbuka; TUP Tupi languages; TUR Turkish; TUT Altaic languages; TVL Tuvalu; TWI Twi;
TYV Tuvinian; UDM Udmurt; UGA Ugaritic; UIG Uighur; UKR Ukrainian; UMB Umbundu;
UND not determined; URD Urdu; UZB Uzbek; VAI Vai; VEN Venda; VIE Vietnamese; VOL Volapük;
VOT Votic; WAK Wakashan languages; WAL Walamo; WAR Waray; WAS Washo; WEL Welsh;
WEN Sorbian languages; WLN Walloon; WOL Wolof; XAL Kalmyk; XHO Xhosa; YAO Yao; YAP Yapese;
YID Yiddish; YOR Yoruba; YPK Yupik languages; ZAP Zapotec; ZBL Blissymbols; ZEN Zenaga;
ZGH Standard Moroccan Tamazight; ZHA Zhuang; ZHO Chinese; ZND Zande languages; ZUL Zulu;
ZUN Zuni; ZXX no linguistic content; ZZA Zaza;
"""

LANGUAGES: Mapping[str, str] = read_table(_TABLE)
