//! COs made up from a seed: Korea to Indonesia, for the demonstration, measurements and tests. Names, numbers and
//! addresses are invented; places, tariff headings and units are real.

use super::MetaData;
use super::generated::{data, lpco};
use super::text::{Decimal, Text};

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
        lpco: lpco::Lpco {
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
        },
        ..MetaData::default()
    }
}

fn item(dice: &mut Dice, at: usize, invoice: &str) -> lpco::ConsignmentItem {
    let (heading, description, grams, cents) = *dice.pick(&GOODS);
    let units = 1 + dice.below(480);
    let net = grams * units;
    let gross = net + net / 12 + 40;
    let value = cents * units;
    let rule = *dice.pick(&RULES);
    // The value where value was the criterion, else the weight; every third line is packed with the one before.
    let by_value = rule == "RVC";
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
        goods_measure: (!by_value && !at.is_multiple_of(3)).then(|| {
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
    fn thirty_items_have_the_size_that_the_measurements_name() {
        let sizes: Vec<usize> = (0..20).map(|seed| octets(&co(seed, 30)).len()).collect();
        assert!(sizes.iter().all(|size| (12_200..=13_200).contains(size)), "{sizes:?}");
    }
}
