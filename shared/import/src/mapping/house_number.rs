//! Columns recognized by their neighbours: house numbers beside streets, with their side of the street name, and area
//! codes before phone numbers.

use super::{Column, Field, Target};
use crate::name::key;

/// Names that only mean "number". Beside a street column, such a column holds the house number.
const NUMBERS: &[&str] =
    &["nr", "no", "n", "nº", "num", "number", "numero", "número", "numéro", "nummer", "numer", "номер"];

/// Countries that write the house number before the street.
const NUMBER_FIRST: &[&str] = &[
    "US", "CA", "GB", "IE", "AU", "NZ", "FR", "LU", "MC", "ZA", "IN", "SG", "HK", "MY", "PH", "PK", "LK", "KE", "NG",
    "GH", "IL", "EG", "MA", "DZ", "TN", "JM", "TT", "PR", "VN", "TH",
];

/// Beginnings of names in languages that write it after the street.
const AFTER: &[&str] = &[
    "hausn",
    "hnr",
    "haus",
    "straßenn",
    "strassenn",
    "huis",
    "toev",
    "nummer",
    "numer",
    "nrdomu",
    "nrbud",
    "номер",
    "дом",
    "hus",
    "civic",
    "ncivic",
    "nrcivic",
    "número",
    "númer",
    "noext",
    "numext",
];

/// Position of a house number relative to the street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberSide {
    Before,
    After,
}

/// Makes columns such as `Nr.` beside a street column house numbers.
pub(super) fn beside_streets(columns: &mut [Column]) {
    let has = |columns: &[Column], at: Option<usize>, field| {
        at.and_then(|at| columns.get(at)).is_some_and(|column| column.target == Target::Field(field))
    };
    for at in 0..columns.len() {
        let Some(column) = columns.get(at) else { continue };
        let is_number = column.target == Target::Unknown && NUMBERS.contains(&key(&column.name).as_str());
        let follows = has(columns, at.checked_sub(1), Field::Address);
        // A first column of this name numbers the rows.
        let precedes = at > 0 && has(columns, Some(at + 1), Field::Address);
        let street = if follows { at - 1 } else { at + 1 };
        let group = columns.get(street).map(|street| street.group.clone()).unwrap_or_default();
        let has_one =
            columns.iter().any(|other| other.target == Target::Field(Field::HouseNumber) && other.group == group);
        if is_number
            && (follows || precedes)
            && !has_one
            && let Some(column) = columns.get_mut(at)
        {
            column.target = Target::Field(Field::HouseNumber);
            column.group = group;
        }
    }
}

/// Names that mean an area code only before a phone column.
const AREA_CODES: &[&str] = &[
    "areacode",
    "phoneareacode",
    "vorwahl",
    "ortsvorwahl",
    "telefonvorwahl",
    "ddd",
    "indicatif",
    "prefijo",
    "lada",
    "prefisso",
    "prefixo",
    "netnummer",
    "kengetal",
    "numerkierunkowy",
    "kierunkowy",
    "stdcode",
    "codearea",
    "códigodearea",
    "codigodearea",
];

/// Makes columns such as `Vorwahl` before a phone column area codes.
pub(super) fn before_phones(columns: &mut [Column]) {
    for at in 1..columns.len() {
        let is_phone = columns.get(at).is_some_and(|column| column.target == Target::Field(Field::Phone));
        if let Some(column) = columns.get_mut(at - 1).filter(|column| {
            is_phone && column.target == Target::Unknown && AREA_CODES.contains(&key(&column.name).as_str())
        }) {
            column.target = Target::Field(Field::AreaCode);
        }
    }
}

/// The side of a column's house number: by the language of its name, else by the row's country, else by the column
/// order.
pub(crate) fn side(name: &str, country: Option<&str>, stands_before: bool) -> NumberSide {
    let key = key(name);
    if AFTER.iter().any(|start| key.starts_with(start)) {
        return NumberSide::After;
    }
    let is_first = match country {
        _ if key.starts_with("numéro") => true,
        // A name of no particular language, such as `Nr.`: trust the column order.
        _ if NUMBERS.contains(&key.as_str()) && key != "number" => stands_before,
        Some(country) => NUMBER_FIRST.contains(&country),
        None => stands_before,
    };
    if is_first { NumberSide::Before } else { NumberSide::After }
}

/// The word to put before a bare number from a column with this name: `5` in a column `Apt` becomes `Apt 5`.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    const UNITS: &[(&str, &str)] = &[
        ("pobox", "PO Box"),
        ("postfach", "Postfach"),
        ("casillapostal", "Casilla"),
        ("boîtepostale", "BP"),
        ("aptsuite", ""),
        ("suiteunit", ""),
        ("aptunit", ""),
        ("unitapt", ""),
        ("apt", "Apt"),
        ("apartment", "Apt"),
        ("suite", "Suite"),
        ("unit", "Unit"),
        ("floor", "Floor"),
        ("flat", "Flat"),
        ("building", "Building"),
        ("étage", "Étage"),
        ("etage", "Etage"),
        ("bâtiment", "Bâtiment"),
        ("stockwerk", "Stockwerk"),
        ("piso", "Piso"),
        ("puerta", "Puerta"),
        ("escalera", "Escalera"),
        ("andar", "Andar"),
        ("bloco", "Bloco"),
        ("interior", "Int."),
        ("numint", "Int."),
        ("lokal", "lok."),
        ("mieszkani", "m."),
        ("квартира", "кв."),
        ("корпус", "корп."),
    ];
    let key = key(name);
    let unit = UNITS.iter().find(|(word, _)| key.contains(word)).map(|(_, unit)| *unit);
    unit.filter(|unit| !unit.is_empty())
}
