//! Recognizes countries by code and by name in many languages, and infers them from states.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::name::key;

/// Common names that the tables lack, or give to two countries.
const NAMES: &[(&str, &[&str])] = &[
    (
        "US",
        &[
            "us",
            "usa",
            "usofa",
            "usofamerica",
            "unitedstates",
            "unitedstatesofamerica",
            "america",
            "estadosunidos",
            "eeuu",
            "états",
            "étatsunis",
            "vereinigtestaaten",
            "сша",
            "statiuniti",
            "unitedstatesusa",
        ],
    ),
    (
        "GB",
        &[
            "uk",
            "gb",
            "unitedkingdom",
            "greatbritain",
            "britain",
            "england",
            "scotland",
            "wales",
            "northernireland",
            "ukengland",
            "ukscotland",
            "ukwales",
            "uknorthernireland",
            "unitedkingdomuk",
            "großbritannien",
            "vereinigteskönigreich",
        ],
    ),
    (
        "KR",
        &[
            "southkorea",
            "korearepublicof",
            "republicofkorea",
            "koreasouth",
            "korearep",
            "korea",
            "südkorea",
            "coréedusud",
            "coreadelsur",
        ],
    ),
    ("KP", &["northkorea", "koreademocraticpeoplesrepublicof", "koreanorth", "nordkorea"]),
    ("RU", &["russia", "russianfederation", "россия", "russland"]),
    ("CZ", &["czechrepublic", "czechia", "tschechien"]),
    ("TR", &["turkey", "türkiye", "turkiye", "türkei"]),
    ("TW", &["taiwan", "taiwanprovinceofchina", "taiwanroc", "republicofchina"]),
    ("CN", &["china", "prc", "chinamainland", "mainlandchina", "peoplesrepublicofchina"]),
    ("HK", &["hongkong", "hongkongsar", "hongkongsarchina"]),
    ("MO", &["macao", "macau"]),
    ("VN", &["vietnam", "vietnamsocialistrepublicof"]),
    ("NL", &["holland", "thenetherlands", "netherlands", "nederland"]),
    ("AE", &["uae", "emirates", "dubai", "abudhabi"]),
    ("MK", &["macedonia", "northmacedonia", "fyrom"]),
    ("CI", &["ivorycoast", "cotedivoire", "côtedivoire"]),
    ("CD", &["drcongo", "drc", "congokinshasa", "democraticrepublicofthecongo", "congodemocraticrepublicofthe"]),
    ("CG", &["congobrazzaville", "republicofthecongo"]),
    ("PS", &["palestine", "palestinianterritories", "stateofpalestine"]),
    ("XK", &["kosovo", "xk"]),
    ("SZ", &["swaziland", "eswatini"]),
    ("CV", &["capeverde", "caboverde"]),
    ("MM", &["burma", "myanmar"]),
    ("VA", &["vatican", "vaticancity", "holysee"]),
    ("GR", &["el", "greece", "hellas", "griechenland"]),
    ("IE", &["ireland", "republicofireland", "eire", "irelandrepublicof"]),
    ("AT", &["oesterreich", "austria", "österreich"]),
    ("DE", &["brd", "dtl", "germany", "deutschland"]),
    ("CH", &["switzerland", "schweiz", "suisse", "svizzera"]),
    ("GE", &["georgia"]),
    ("GN", &["guinea"]),
    ("NE", &["niger"]),
    ("DM", &["dominica"]),
    ("DO", &["dominicanrepublic"]),
    ("AS", &["americansamoa"]),
    ("WS", &["samoa"]),
    ("SD", &["sudan"]),
    ("VI", &["usvirginislands", "virginislandsus"]),
    ("VG", &["britishvirginislands", "virginislandsbritish"]),
    ("IR", &["iran"]),
    ("SY", &["syria"]),
    ("LA", &["laos"]),
    ("BN", &["brunei"]),
    ("TZ", &["tanzania"]),
    ("MD", &["moldova"]),
    ("BO", &["bolivia"]),
    ("VE", &["venezuela"]),
    ("NA", &["namibia"]),
    ("NO", &["norway", "norge", "norwegen", "norvège"]),
];

static BY_NAME: LazyLock<HashMap<String, Option<String>>> = LazyLock::new(|| {
    let mut names: HashMap<String, Option<String>> = HashMap::new();
    for country in keshvar::CountryIterator::new() {
        let code = country.alpha2().to_string().to_uppercase();
        let translations = country.translations().values().copied();
        let all =
            country.unofficial_name_list().iter().copied().chain([country.iso_short_name(), country.iso_long_name()]);
        for name in all.chain(translations).map(key).filter(|name| name.chars().count() > 2 || !name.is_ascii()) {
            let known = names.entry(name).or_insert_with(|| Some(code.clone()));
            // A name shared by two countries is ambiguous.
            if known.as_ref().is_some_and(|known| *known != code) {
                *known = None;
            }
        }
        names.insert(key(&code), Some(code.clone()));
        names.insert(key(&country.alpha3().to_string()), Some(code));
    }
    for (code, own) in NAMES {
        own.iter().for_each(|name| drop(names.insert((*name).to_owned(), Some((*code).to_owned()))));
    }
    // There are two countries of this name.
    names.insert("congo".to_owned(), None);
    names
});

/// The two-letter code of a country given by name, code or flag.
pub(crate) fn country(text: &str) -> Option<String> {
    let find = |text: &str| {
        let name = key(text);
        let name = name.strip_prefix("the").filter(|rest| rest.len() > 3).unwrap_or(&name);
        BY_NAME.get(name).or_else(|| BY_NAME.get(&key(text))).cloned().flatten()
    };
    let swapped = |(name, kind): (&str, &str)| find(&format!("{kind} {name}"));
    let qualified = || {
        parts(text).and_then(|(name, kind)| {
            find(&format!("{kind} {name}")).or_else(|| find(name).filter(|code| is_of_whole(code, kind, find)))
        })
    };
    find(text).or_else(|| text.split_once(", ").and_then(swapped)).or_else(qualified).or_else(|| flag(text))
}

/// Splits a name from its qualifier: `Bolivia (Plurinational State of)`, `CH - Schweiz`.
fn parts(text: &str) -> Option<(&str, &str)> {
    let in_brackets = text.trim().strip_suffix([')', ']']).and_then(|text| text.split_once(['(', '[']));
    in_brackets.or_else(|| text.split_once(" - ")).map(|(name, kind)| (name.trim(), kind.trim()))
}

/// Whether a qualified name still means this country: Northern Ireland, North Korea and Taiwan are others.
fn is_of_whole(code: &str, kind: &str, find: impl Fn(&str) -> Option<String>) -> bool {
    if let Some(other) = find(kind) {
        return other == code || OWNERS.iter().any(|(owner, owned)| *owner == other && owned.contains(&code));
    }
    let words: Vec<String> =
        kind.split(|c: char| !c.is_alphanumeric()).map(key).filter(|word| !word.is_empty()).collect();
    let is_side = |word: &String| word.len() == 1 || SIDES.iter().any(|side| word.starts_with(side));
    if words.iter().any(is_side) {
        return false;
    }
    let is_form = |word: &String| FORMS.contains(&word.as_str());
    !NAMESAKES.contains(&code) || words.iter().all(is_form)
}

/// Words for a part of a country.
const SIDES: [&str; 14] =
    ["north", "south", "east", "west", "nord", "süd", "sued", "ost", "sud", "norte", "sur", "noord", "zuid", "dem"];
/// Words in official names of countries.
const FORMS: [&str; 10] = ["republic", "rep", "of", "the", "state", "kingdom", "federation", "union", "rok", "roi"];
/// Countries that share part of their name with others.
const NAMESAKES: [&str; 8] = ["KR", "IE", "CN", "GN", "WS", "SD", "VG", "VI"];
/// Countries that may be named after their territories, with these.
const OWNERS: [(&str, &[&str]); 6] = [
    ("CN", &["HK", "MO", "TW"]),
    ("US", &["PR", "GU", "VI", "AS", "MP"]),
    ("GB", &["GG", "JE", "IM", "GI", "BM", "KY", "VG", "TC", "FK"]),
    ("FR", &["GP", "MQ", "GF", "RE", "YT", "PF", "NC"]),
    ("NL", &["AW", "CW", "SX", "BQ"]),
    ("DK", &["GL", "FO"]),
];

/// The code for a flag: 🇩🇪 is DE.
fn flag(text: &str) -> Option<String> {
    let letter =
        |c: char| u32::from(c).checked_sub(0x1f1e6).filter(|at| *at < 26).and_then(|at| char::from_u32(65 + at));
    let letters: Option<String> = text.chars().map(letter).collect();
    letters.filter(|letters| letters.len() == 2 && BY_NAME.contains_key(&letters.to_lowercase()))
}

/// Whether a country code can also mean empty or no: Namibia and Norway.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    text.eq_ignore_ascii_case("NA") || text.eq_ignore_ascii_case("NO")
}

/// Countries of each state or province, by its name and code.
static STATES: LazyLock<HashMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let mut states: HashMap<String, Vec<&'static str>> = HashMap::new();
    for state in rust_iso3166::iso3166_2::SUBDIVISION_MAP.values() {
        let country = state.country_code;
        let code = state.code.split_once('-').map_or("", |(_, code)| code);
        let code = Some(code).filter(|code| code.len() >= 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()));
        for name in [Some(state.name), code].into_iter().flatten().map(key) {
            let countries = states.entry(name).or_default();
            if !countries.contains(&country) {
                countries.push(country);
            }
        }
    }
    for (name, country) in MORE_STATES {
        states.entry((*name).to_owned()).or_default().push(country);
    }
    states
});

/// Common abbreviations, and US military postal codes.
const MORE_STATES: &[(&str, &str)] = &[
    ("aa", "US"),
    ("ae", "US"),
    ("ap", "US"),
    ("calif", "US"),
    ("mass", "US"),
    ("conn", "US"),
    ("penn", "US"),
    ("penna", "US"),
    ("tex", "US"),
    ("fla", "US"),
    ("ill", "US"),
    ("mich", "US"),
    ("minn", "US"),
    ("wash", "US"),
    ("ore", "US"),
    ("ariz", "US"),
    ("colo", "US"),
    ("tenn", "US"),
    ("wis", "US"),
    ("wisc", "US"),
    ("okla", "US"),
    ("nebr", "US"),
    ("ind", "US"),
    ("kans", "US"),
    ("washingtondc", "US"),
    ("dc", "US"),
    ("usvirginislands", "US"),
    ("pr", "US"),
    ("puertorico", "US"),
    ("guam", "US"),
    ("gu", "US"),
    ("vi", "US"),
    ("quebec", "CA"),
    ("québec", "CA"),
    ("newfoundland", "CA"),
    ("pei", "CA"),
    ("yukonterritory", "CA"),
];

/// The country for the phone number and postal code of a row without one: the location's, unless the row's state
/// belongs to another country.
pub(crate) fn of_state(state: Option<&str>, location: Option<&str>) -> Option<String> {
    let location = location?;
    let Some(state) = state else { return Some(location.to_owned()) };
    let countries = STATES.get(&key(state)).map_or(&[][..], Vec::as_slice);
    if countries.contains(&location) {
        return Some(location.to_owned());
    }
    if location == "US" || location == "CA" {
        // The states of both countries are few and known, so a foreign one contradicts the location. Both share one
        // dialling code.
        let other = if location == "US" { "CA" } else { "US" };
        return countries.contains(&other).then(|| other.to_owned());
    }
    // Regions elsewhere are spelled in many ways. Only a name that exists just in another country contradicts the
    // location.
    let is_elsewhere = !countries.is_empty() && state.chars().count() > 3;
    (!is_elsewhere).then(|| location.to_owned())
}

/// Whether a country uses US ZIP codes.
pub(crate) fn has_zip_codes(code: &str) -> bool {
    matches!(code, "US" | "PR" | "GU" | "VI" | "AS" | "MP")
}

/// Whether all postal codes of a country have five digits, and some begin with a zero.
pub(crate) fn has_five_digits(code: &str) -> bool {
    has_zip_codes(code) || matches!(code, "DE" | "FR" | "ES" | "IT" | "MX")
}

/// Whether a country cell may also be a US state: CA, DE, GA, Georgia.
pub(crate) fn may_be_state(text: &str) -> bool {
    let name = key(text);
    (name.len() == 2 || name == "georgia") && is_state_of(&name, "US")
}

/// Whether a country has a state of this name or code.
pub(crate) fn is_state_of(state: &str, country: &str) -> bool {
    STATES.get(&key(state)).is_some_and(|countries| countries.contains(&country))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_names_and_codes() {
        let cases = [
            ("Turkey", "TR"),
            ("Türkiye", "TR"),
            ("Greece", "GR"),
            ("Czech Republic", "CZ"),
            ("Czechia", "CZ"),
            ("South Korea", "KR"),
            ("Korea, Republic of", "KR"),
            ("Russian Federation", "RU"),
            ("Ukraine", "UA"),
            ("Saudi Arabia", "SA"),
            ("Dominican Republic", "DO"),
            ("Jamaica", "JM"),
            ("Nigeria", "NG"),
            ("Pakistan", "PK"),
            ("Viet Nam", "VN"),
            ("Thailand", "TH"),
            ("Hong Kong", "HK"),
            ("Taiwan", "TW"),
            ("Romania", "RO"),
            ("Hungary", "HU"),
            ("CHE", "CH"),
            ("AUT", "AT"),
            ("United States of America (USA)", "US"),
            ("U.S. of A.", "US"),
            ("UK - England", "GB"),
            ("usa", "US"),
            ("U.S.A.", "US"),
            ("United Kingdom", "GB"),
            ("DE", "DE"),
            ("de", "DE"),
            ("Deutschland", "DE"),
            ("Österreich", "AT"),
            ("España", "ES"),
            ("Brasil", "BR"),
            ("日本", "JP"),
            ("Россия", "RU"),
            ("🇩🇪", "DE"),
            ("The Netherlands", "NL"),
            ("Georgia", "GE"),
            ("Ivory Coast", "CI"),
            ("Virgin Islands, U.S.", "VI"),
            ("Bolivia (Plurinational State of)", "BO"),
            ("Iran, Islamic Republic of", "IR"),
            ("Tanzania, United Republic of", "TZ"),
            ("NAM", "NA"),
            ("Norway", "NO"),
            ("India", "IN"),
            ("IN", "IN"),
            ("Ireland (Northern)", "GB"),
            ("Ireland - Northern", "GB"),
            ("Ireland (Republic of)", "IE"),
            ("Ireland (Eire)", "IE"),
            ("Korea (North)", "KP"),
            ("Korea (South)", "KR"),
            ("Korea (Republic of)", "KR"),
            ("Korea (Democratic People's Republic of)", "KP"),
            ("Guinea (Equatorial)", "GQ"),
            ("Samoa (American)", "AS"),
            ("Macedonia (North)", "MK"),
            ("Hong Kong (China)", "HK"),
            ("Puerto Rico (US)", "PR"),
            ("Germany (Deutschland)", "DE"),
            ("Germany [DE]", "DE"),
            ("Canada (French)", "CA"),
            ("CH - Schweiz", "CH"),
        ];
        for (name, code) in cases {
            assert_eq!(country(name).as_deref(), Some(code), "{name}");
        }
        for name in [
            "Atlantis",
            "XX",
            "ZZZ",
            "California",
            "12",
            "",
            "Ireland (N)",
            "Korea (DPR)",
            "China (Taiwan)",
            "Georgia (US)",
            "Cyprus (Northern)",
            "USA - Puerto Rico",
        ] {
            assert_eq!(country(name), None, "{name}");
        }
    }

    #[test]
    fn a_state_of_another_country_speaks_against_the_locations() {
        let of = |state, location| of_state(Some(state), Some(location));
        for state in ["LA", "Louisiana", "N.Y.", "Puerto Rico", "DC", "Calif."] {
            assert_eq!(of(state, "US").as_deref(), Some("US"), "{state}");
        }
        assert_eq!(of("Ontario", "US").as_deref(), Some("CA"));
        for state in ["Maharashtra", "Kerala", "NSW", "Jalisco", "Hamburg", "Nowhere"] {
            assert_eq!(of(state, "US"), None, "{state}");
        }
        assert_eq!(of("Maharashtra", "IN").as_deref(), Some("IN"));
        assert_eq!(of("Kent", "GB").as_deref(), Some("GB"));
        assert_eq!(of("Texas", "GB"), None);
        assert_eq!(of_state(None, Some("US")).as_deref(), Some("US"));
        assert_eq!(of_state(Some("LA"), None), None);
    }
}
