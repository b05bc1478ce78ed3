//! Documents made up from a seed: COs and DOs of Korea for Indonesia, notices about them, and Indonesia's answers; for the
//! demonstration, measurements and tests. Names, numbers and addresses are invented; places, tariff headings and units are
//! real. The same seed gives the same document, and one seed's documents are about one CO.

use super::generated::{data, ext, lpco, md, res};
use super::payload::{Cancellation, DECLARATION_OF_ORIGIN, DecisionKind, NoticeKind};
use super::text::{Decimal, Text};
use super::{MetaData, Operation};

/// HS heading, description, grams a unit, cents (USD) a unit.
const GOODS: [(&str, &str, u64, u64); 16] = [
    ("870322", "Passenger cars, 1,500 cc", 1_180_000, 1_240_000),
    ("870899", "Control arm assemblies", 3_400, 2_150),
    ("854231", "Processors", 3, 1_890),
    ("852990", "OLED panel modules", 6_200, 21_400),
    ("390120", "Polyethylene, granules", 1_000, 118),
    ("390210", "Polypropylene, granules", 1_000, 109),
    ("721049", "Steel coils, zinc plated", 1_000, 96),
    ("550320", "Polyester staple fibres", 1_000, 141),
    ("600632", "Knitted fabrics, dyed", 180, 265),
    ("330499", "Skin care preparations", 210, 940),
    ("190230", "Instant noodles", 125, 62),
    ("210690", "Ginseng extract", 340, 2_780),
    ("841510", "Air conditioners", 38_500, 31_900),
    ("850760", "Lithium-ion accumulators", 2_900, 8_600),
    ("401110", "Tyres for motor cars", 9_100, 4_750),
    ("294190", "Antibiotics in bulk", 1_000, 18_700),
];

/// Invented exporters, with a real town each.
const EXPORTERS: [(&str, &str, &str, &str); 4] = [
    ("Hangang Precision Co., Ltd.", "Incheon", "85 Gaetbeol-ro, Yeonsu-gu", "21999"),
    ("주식회사 새벽무역 (Saebyeok Trading)", "Busan", "17 Jungang-daero, Dong-gu", "48733"),
    ("Daeseong Materials Corp.", "Ulsan", "290 Cheoyong-ro, Nam-gu", "44781"),
    ("Mirae Home & Living Inc.", "Seongnam", "242 Pangyo-ro, Bundang-gu", "13487"),
];

/// Invented importers.
const IMPORTERS: [(&str, &str, &str, &str); 4] = [
    ("PT Contoh Sejahtera Makmur", "Jakarta", "Jl. Jend. Sudirman Kav. 52-53", "12190"),
    ("PT Bahari Logam Utama", "Surabaya", "Jl. Perak Timur No. 478", "60165"),
    ("PT Cahaya Tekstil Nusantara", "Bandung", "Jl. Soekarno-Hatta No. 689", "40286"),
    ("CV Mandiri & Rekan", "Semarang", "Jl. Pemuda No. 142", "50132"),
];

const RULES: [&str; 5] = ["CTH", "RVC", "CTSH", "WO", "CTH or RVC"];

/// SplitMix64: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[(self.next() % list.len() as u64) as usize]
    }
}

fn text(value: impl AsRef<str>) -> data::Text {
    data::Text { value: Text::from(value.as_ref()), language_id: None }
}

fn code(value: impl AsRef<str>) -> data::Code {
    data::Code { value: Text::from(value.as_ref()), attributes: None }
}

fn id(value: impl AsRef<str>) -> data::Id {
    data::Id { value: Text::from(value.as_ref()), attributes: None }
}

fn decimal(value: impl AsRef<str>) -> Decimal {
    Decimal::parse(value.as_ref()).unwrap_or_default()
}

fn measure(grams: u64) -> data::Measure {
    data::Measure { value: decimal(format!("{}.{:03}", grams / 1000, grams % 1000)), unit_code: "KGM".into() }
}

fn address(city: &str, country: &str, line: &str, postcode: &str) -> lpco::Address {
    lpco::Address {
        city_name: Some(text(city)),
        country_code: code(country),
        line: Some(text(line)),
        postcode_id: Some(id(postcode)),
        ..lpco::Address::default()
    }
}

/// A valid CO of `items` items (1 to 99,999). The same seed gives the same CO; 30 items come to about 12.6 KB.
#[must_use]
pub fn co(seed: u64, items: usize) -> MetaData {
    let mut dice = Dice(seed ^ 0x4B52_4944);
    let day = 1 + dice.below(28);
    let month = 1 + dice.below(12);
    let date = format!("2026{month:02}{day:02}");
    let number = format!("K001-26-{:07}", 1 + seed % 9_999_999);
    let exporter = *dice.pick(&EXPORTERS);
    let importer = *dice.pick(&IMPORTERS);
    let invoice = format!("HP{month:02}{day:02}-{:04}", dice.below(10_000));
    let items = items.clamp(1, 99_999);
    MetaData {
        wco_data_model_version_code: code("4.0.0"),
        wco_type_name: Some(text("LPCO")),
        responsible_country_code: code("KR"),
        responsible_agency_name: Some(text("Korea Customs Service")),
        agency_assigned_customization_code: Some(code("ECO")),
        lpco: Some(Box::new(lpco::Lpco {
            function_code: code("9"),
            id: id(number),
            issue_date_time: lpco::DateTime::with_zone(&format!("{date}093000Z")),
            type_code: code("861"),
            issue_location_id: Some(id("KRSEL")),
            agreement_code: code("KRID"),
            issued_retroactively_indicator: Some("false".into()),
            authentication: vec![lpco::Authentication {
                actual_date_time: Some(Box::new(lpco::DateTime::with_zone(&format!("{date}093000Z")))),
                authenticator: Some(Box::new(lpco::Authenticator {
                    name: text("Korea Chamber of Commerce and Industry"),
                    role_code: Some(code("AV")),
                    ..lpco::Authenticator::default()
                })),
                ..lpco::Authentication::default()
            }],
            consignment: lpco::Consignment {
                border_transport_means: vec![lpco::BorderTransportMeans {
                    name: Some(text("HYUNDAI BUSAN")),
                    journey_id: Some(id(format!("{:03}S", 1 + dice.below(200)))),
                    ..lpco::BorderTransportMeans::default()
                }],
                consignee: Some(Box::new(lpco::Party {
                    name: text(importer.0),
                    role_code: Some(code("IM")),
                    address: vec![address(importer.1, "ID", importer.2, importer.3)],
                    ..lpco::Party::default()
                })),
                consignment_item: (1..=items).map(|at| item(&mut dice, at, &invoice)).collect(),
                consignor: lpco::Party {
                    name: text(exporter.0),
                    role_code: Some(code("EX")),
                    address: vec![address(exporter.1, "KR", exporter.2, exporter.3)],
                    ..lpco::Party::default()
                },
                loading_location: Some(Box::new(lpco::LoadingLocation {
                    id: Some(id("KRPUS")),
                    ..lpco::LoadingLocation::default()
                })),
                unloading_location: Some(Box::new(lpco::UnloadingLocation {
                    id: Some(id("IDTPP")),
                    ..lpco::UnloadingLocation::default()
                })),
                ..lpco::Consignment::default()
            },
            ..lpco::Lpco::default()
        })),
        ..MetaData::default()
    }
}

/// A valid DO of `items` items: what an approved exporter made out itself.
#[must_use]
pub fn declaration(seed: u64, items: usize) -> MetaData {
    let mut message = co(seed, items);
    if let Some(lpco) = message.lpco.as_deref_mut() {
        lpco.id = id(format!("D001-26-{:07}", 1 + seed % 9_999_999));
        lpco.type_code = code(DECLARATION_OF_ORIGIN);
        for authentication in &mut lpco.authentication {
            authentication.authenticator = Some(Box::new(lpco::Authenticator {
                name: lpco.consignment.consignor.name.clone(),
                id: Some(id("AE-0042")),
                role_code: Some(code("EX")),
                ..lpco::Authenticator::default()
            }));
        }
    }
    message
}

/// A document of the kind that `operation` carries, about the CO (for send-do: the DO) of this seed.
#[must_use]
pub fn of(operation: Operation, seed: u64) -> MetaData {
    match operation {
        Operation::SendCo => co(seed, 3),
        Operation::SendDo => declaration(seed, 3),
        Operation::SendAmendmentNotification => notice(seed, NoticeKind::Withdrawal),
        Operation::SendCancellationStatus => cancellation_status(seed, Cancellation::Accepted),
        Operation::SendFeedback => feedback(seed),
    }
}

/// A notice of Korea about the CO of this seed; an amendment carries the CO as it shall stand.
#[must_use]
pub fn notice(seed: u64, kind: NoticeKind) -> MetaData {
    let amended = (kind == NoticeKind::Amendment).then(|| {
        let mut lpco = co(seed, 3).lpco.unwrap_or_default();
        lpco.function_code = code("4");
        lpco.additional_information.push(lpco::AdditionalInformation {
            content: Some(text("Vessel changed after issue")),
            ..lpco::AdditionalInformation::default()
        });
        lpco
    });
    let (function, reason) = match kind {
        NoticeKind::Amendment => ("4", "The goods left on another vessel"),
        NoticeKind::Withdrawal => ("1", "The shipment was called off"),
        NoticeKind::Revocation => ("1", "Origin was not met on verification"),
    };
    MetaData {
        amendment: Some(Box::new(lpco::Amendment {
            function_code: code(function),
            functional_reference_id: Some(id(format!("KR-N-{seed:07}"))),
            issue_date_time: lpco::DateTime::with_zone("20261120090000Z"),
            change_reason_code: Some(code("A1")),
            notice_kind_code: code(kind.as_str()),
            additional_information: vec![lpco::AdditionalInformation {
                statement_description: Some(text(reason)),
                ..lpco::AdditionalInformation::default()
            }],
            lpco_reference: reference(seed),
            lpco: amended,
            ..lpco::Amendment::default()
        })),
        ..header("KR", "ID")
    }
}

/// Indonesia's answer to a notice about the CO of this seed.
#[must_use]
pub fn cancellation_status(seed: u64, status: Cancellation) -> MetaData {
    let reason = match status {
        Cancellation::Accepted => "Not claimed yet",
        Cancellation::Declined => "Treatment was granted before the notice came",
    };
    MetaData {
        response: Some(Box::new(res::Response {
            additional_information: vec![res::AdditionalInformation {
                statement_description: Some(text(reason)),
                ..res::AdditionalInformation::default()
            }],
            status: vec![res::Status {
                name_code: code(status.as_str()),
                effective_date_time: Some(Box::new(res::DateTime::with_zone("20261121021500Z"))),
            }],
            ..response(seed)
        })),
        ..header("ID", "KR")
    }
}

/// Indonesia's decisions on two claims under the CO of this seed.
#[must_use]
pub fn feedback(seed: u64) -> MetaData {
    let mut dice = Dice(seed ^ 0x4944_4B52);
    let claims = (1..=2_u64).map(|at| {
        let pieces = 10 + dice.below(90);
        let decision = |number: u64, kind: DecisionKind, granted: Option<u64>, reason: Option<&str>| ext::Decision {
            sequence_numeric: Decimal::from(number),
            name_code: code(kind.as_str()),
            effective_date_time: ext::DateTime::with_zone(&format!("202611{:02}070000Z", 20 + number)),
            granted_quantity: granted
                .map(|granted| data::UnitQuantity { value: Decimal::from(granted), unit_code: "C62".into() }),
            reason: reason
                .map(|words| ext::Reason { code: None, description: Some(text(words)) })
                .into_iter()
                .collect(),
        };
        ext::Claim {
            declaration_id: id(format!("PIB-2026-{:06}", 1 + seed % 999_999)),
            declaration_item_numeric: Some(Decimal::from(at)),
            sequence_numeric: Decimal::from(at),
            claimed_quantity: data::UnitQuantity { value: Decimal::from(pieces), unit_code: "C62".into() },
            decision: if at == 1 {
                vec![decision(1, DecisionKind::Granted, None, None)]
            } else {
                let why = "Marks on a part of the packages differ";
                vec![
                    decision(1, DecisionKind::UnderVerification, None, None),
                    decision(2, DecisionKind::PartlyGranted, Some(pieces / 2), Some(why)),
                ]
            },
        }
    });
    MetaData {
        response: Some(Box::new(res::Response { claim: claims.collect(), ..response(seed) })),
        ..header("ID", "KR")
    }
}

/// Korea's list of approved exporters.
#[must_use]
pub fn exporter_list(seed: u64) -> MetaData {
    let exporter = |at: usize, (name, _, _, _): &(&str, &str, &str, &str)| ext::Exporter {
        authorisation_id: id(format!("AE-{:04}", at + 42)),
        name: text(name),
        standing_code: Some(code(if at == 3 { "suspended" } else { "active" })),
        valid_from_date_time: ext::DateTime::with_zone("20260101000000Z"),
        valid_until_date_time: Some(Box::new(ext::DateTime::with_zone("20281231235959Z"))),
        goods: vec![ext::ExporterGoods {
            classification_id: Some(id(GOODS[at].0)),
            description: Some(text(GOODS[at].1)),
        }],
        ..ext::Exporter::default()
    };
    MetaData {
        exporter_list: Some(Box::new(ext::ExporterList {
            id: id(format!("KR-AE-{seed:04}")),
            issue_date_time: ext::DateTime::with_zone("20261101000000Z"),
            agreement_code: Some(code("KRID")),
            exporter: EXPORTERS.iter().enumerate().map(|(at, exporter_)| exporter(at, exporter_)).collect(),
        })),
        ..header("KR", "ID")
    }
}

fn header(from: &str, to: &str) -> MetaData {
    MetaData {
        wco_data_model_version_code: code("4.0.0"),
        responsible_country_code: code(from),
        agency_assigned_customization_code: Some(code("ECO")),
        communication_meta_data: Some(Box::new(md::CommunicationMetaData {
            recipient: Some(Box::new(md::Recipient { country_code: Some(code(to)), ..md::Recipient::default() })),
            ..md::CommunicationMetaData::default()
        })),
        ..MetaData::default()
    }
}

/// What tells the CO of this seed from all others.
#[must_use]
pub fn reference(seed: u64) -> ext::LpcoReference {
    let facts = co(seed, 1).facts();
    ext::LpcoReference {
        id: id(facts.number),
        type_code: Some(code(facts.type_code)),
        issue_country_code: code(facts.territory),
        issuer_name: Some(text(facts.issuing_body)),
        agreement_code: code(facts.agreement),
    }
}

fn response(seed: u64) -> res::Response {
    res::Response {
        function_code: code("11"),
        functional_reference_id: id(format!("urn:uuid:00000000-0000-4000-8000-{seed:012x}")),
        issue_date_time: Some(Box::new(res::DateTime::with_zone("20261121021500Z"))),
        lpco_reference: Some(Box::new(reference(seed))),
        ..res::Response::default()
    }
}

fn item(dice: &mut Dice, at: usize, invoice: &str) -> lpco::ConsignmentItem {
    let (heading, description, grams, cents) = *dice.pick(&GOODS);
    let units = 1 + dice.below(480);
    let net = grams * units;
    let gross = net + net / 12 + 40;
    let value = cents * units;
    let rule = *dice.pick(&RULES);
    // The value where value was the criterion; else the weight for the first line of three, and the value for the others,
    // which are packed with it: no line is without a quantity, weight or value.
    let by_value = rule == "RVC" || at % 3 != 1;
    lpco::ConsignmentItem {
        sequence_numeric: Decimal::from(at as u64),
        commodity: lpco::Commodity {
            description: text(description),
            value_amount: by_value.then(|| data::Amount {
                value: decimal(format!("{}.{:02}", value / 100, value % 100)),
                currency_id: "USD".into(),
            }),
            classification: vec![lpco::Classification {
                id: id(heading),
                identification_type_code: code("HS"),
                name: None,
            }],
            ..lpco::Commodity::default()
        },
        goods_measure: (!by_value).then(|| {
            Box::new(lpco::GoodsMeasure { gross_mass_measure: Some(measure(gross)), ..lpco::GoodsMeasure::default() })
        }),
        origin: vec![lpco::Origin { country_code: code("KR"), rule_code: Some(code(rule)), ..lpco::Origin::default() }],
        // One invoice for all, named once.
        invoice: if at == 1 { vec![lpco::Invoice { id: id(invoice), issue_date_time: None }] } else { Vec::new() },
        ..lpco::ConsignmentItem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Operation, Slots, decode, encode};

    fn octets(message: &MetaData) -> Vec<u8> {
        let mut out = Vec::new();
        encode(message, &Slots::default(), &mut out);
        out
    }

    #[test]
    fn samples_are_valid_and_read_back() {
        for (seed, items) in [(1, 1), (2, 30), (3, 1_000)] {
            let message = co(seed, items);
            let octets = octets(&message);
            let document = crate::xml::parse(octets, &crate::xml::Options::default()).unwrap();
            let read = decode(Operation::SendCo, &document, document.document_element(), &Slots::default());
            assert_eq!(read.unwrap(), message);
        }
        assert_eq!(co(7, 30), co(7, 30));
        assert_ne!(co(7, 30), co(8, 30));
    }

    #[test]
    fn every_kind_of_document_reads_back_under_its_operation_and_under_no_other() {
        let mut documents: Vec<(Operation, MetaData)> =
            Operation::SERVED.iter().map(|operation| (*operation, of(*operation, 5))).collect();
        for kind in [NoticeKind::Amendment, NoticeKind::Revocation] {
            documents.push((Operation::SendAmendmentNotification, notice(5, kind)));
        }
        let declined = cancellation_status(5, Cancellation::Declined);
        documents.push((Operation::SendCancellationStatus, declined));
        for (operation, message) in documents {
            let document = crate::xml::parse(octets(&message), &crate::xml::Options::default()).unwrap();
            let node = document.document_element();
            let read = |operation| decode(operation, &document, node, &Slots::default());
            assert_eq!(read(operation).unwrap(), message);
            assert_eq!(message.operation(), Some(operation));
            for other in Operation::SERVED.iter().filter(|other| **other != operation) {
                assert!(read(*other).is_err(), "{operation:?} under {other:?}");
            }
        }
        let list = octets(&exporter_list(1));
        let document = crate::xml::parse(list, &crate::xml::Options::default()).unwrap();
        let node = document.document_element();
        assert_eq!(crate::contract::bind_document(&document, node, &Slots::default()).unwrap(), exporter_list(1));
        assert!(crate::contract::decode_any(&document, node, &Slots::default()).is_err());
    }

    #[test]
    fn thirty_items_have_the_size_that_the_measurements_name() {
        let sizes: Vec<usize> = (0..20).map(|seed| octets(&co(seed, 30)).len()).collect();
        assert!(sizes.iter().all(|size| (12_200..=13_200).contains(size)), "{sizes:?}");
    }
}
