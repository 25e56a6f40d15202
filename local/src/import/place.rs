//! Countries, and what follows from them for phone numbers and postal codes.

/// Where a contact is, as far as its phone number and postal code are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The states and the territories of the United States.
    UnitedStates,
    /// Another country of the North American Numbering Plan.
    NorthAmerica,
    /// Anywhere else, or nobody knows.
    Elsewhere,
}

impl Place {
    pub(super) fn of_country(code: &str) -> Place {
        match code {
            "US" | "PR" | "GU" | "VI" | "AS" | "MP" => Place::UnitedStates,
            "CA" | "AG" | "AI" | "BB" | "BM" | "BS" | "DM" | "DO" | "GD" | "JM" | "KN" | "KY" | "LC" | "MS" | "SX"
            | "TC" | "TT" | "VC" | "VG" => Place::NorthAmerica,
            _ => Place::Elsewhere,
        }
    }

    /// The place of a row that names no country. A state that is not a US one speaks against the assumption.
    pub(super) fn of_state(state: Option<&str>, assume_us: bool) -> Place {
        match state {
            Some(state) if is_us_state(state) => Place::UnitedStates,
            Some(_) if assume_us => Place::NorthAmerica,
            None if assume_us => Place::UnitedStates,
            _ => Place::Elsewhere,
        }
    }

    /// Whether a phone number without a country's prefix is a number of +1.
    pub(super) fn dials_plus_one(self) -> bool {
        matches!(self, Place::UnitedStates | Place::NorthAmerica)
    }
}

/// The two-letter code of a country.
pub(super) fn country(text: &str) -> Result<String, &'static str> {
    let key: String = text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    if let Some((code, _)) = COUNTRIES.iter().find(|(_, names)| names.contains(&key.as_str())) {
        return Ok((*code).to_owned());
    }
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase()).ok_or("is not a known country: give its two-letter code")
}

/// Names with nothing but lower-case letters.
const COUNTRIES: &[(&str, &[&str])] = &[
    ("US", &["us", "usa", "unitedstates", "unitedstatesofamerica", "theunitedstates", "america"]),
    ("CA", &["canada", "can"]),
    ("GB", &["uk", "unitedkingdom", "greatbritain", "gbr", "england", "scotland", "wales", "northernireland"]),
    ("AU", &["australia", "aus"]),
    ("NZ", &["newzealand", "nzl"]),
    ("IE", &["ireland", "irl"]),
    ("MX", &["mexico", "méxico", "mex"]),
    ("PR", &["puertorico"]),
    ("DE", &["germany", "deutschland", "deu"]),
    ("AT", &["austria", "österreich"]),
    ("CH", &["switzerland", "schweiz", "suisse", "svizzera"]),
    ("FR", &["france", "fra"]),
    ("BE", &["belgium", "belgique", "belgië"]),
    ("NL", &["netherlands", "thenetherlands", "nederland", "holland"]),
    ("ES", &["spain", "españa", "esp"]),
    ("PT", &["portugal"]),
    ("IT", &["italy", "italia", "ita"]),
    ("DK", &["denmark", "danmark"]),
    ("SE", &["sweden", "sverige"]),
    ("NO", &["norway", "norge"]),
    ("FI", &["finland", "suomi"]),
    ("PL", &["poland", "polska"]),
    ("BR", &["brazil", "brasil", "bra"]),
    ("AR", &["argentina"]),
    ("CL", &["chile"]),
    ("CO", &["colombia"]),
    ("IN", &["india", "ind"]),
    ("PH", &["philippines"]),
    ("SG", &["singapore"]),
    ("JP", &["japan", "jpn"]),
    ("CN", &["china", "chn"]),
    ("ZA", &["southafrica"]),
    ("IL", &["israel"]),
    ("AE", &["unitedarabemirates", "uae"]),
];

/// Whether it is the code or the name of a US state, a territory or a military post.
fn is_us_state(text: &str) -> bool {
    US_STATES.iter().any(|(code, name)| text.eq_ignore_ascii_case(code) || text.eq_ignore_ascii_case(name))
}

const US_STATES: &[(&str, &str)] = &[
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("PR", "Puerto Rico"),
    ("GU", "Guam"),
    ("VI", "U.S. Virgin Islands"),
    ("AS", "American Samoa"),
    ("MP", "Northern Mariana Islands"),
    ("AA", "Armed Forces Americas"),
    ("AE", "Armed Forces Europe"),
    ("AP", "Armed Forces Pacific"),
];

/// A US ZIP or ZIP+4 code with the leading zeros that a spreadsheet took; `None` if it lacks none.
pub(super) fn with_leading_zeros(zip: &str) -> Option<String> {
    let (five, four) = zip.split_once('-').map_or((zip, None), |(five, four)| (five, Some(four)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let lacks_zeros = matches!(five.len(), 3 | 4) && digits(five);
    if !lacks_zeros || four.is_some_and(|four| four.len() != 4 || !digits(four)) {
        return None;
    }
    Some(format!("{:0>width$}", zip, width = zip.len() + 5 - five.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_becomes_its_code() {
        let cases = [
            ("US", "US"),
            ("usa", "US"),
            ("U.S.A.", "US"),
            ("United States", "US"),
            ("Canada", "CA"),
            ("UK", "GB"),
            ("España", "ES"),
            ("is", "IS"),
        ];
        for (text, code) in cases {
            assert_eq!(country(text).as_deref(), Ok(code), "{text}");
        }
        for text in ["Atlantis", "U1", "é", "USSR", "1"] {
            assert!(country(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_state_decides_where_no_country_is_given() {
        let cases = [
            (Some("nj"), false, Place::UnitedStates),
            (Some("New Jersey"), true, Place::UnitedStates),
            (Some("Ontario"), true, Place::NorthAmerica),
            (Some("Ontario"), false, Place::Elsewhere),
            (None, true, Place::UnitedStates),
            (None, false, Place::Elsewhere),
        ];
        for (state, assume_us, place) in cases {
            assert_eq!(Place::of_state(state, assume_us), place, "{state:?} {assume_us}");
        }
    }

    #[test]
    fn a_zip_code_gets_back_its_leading_zeros_and_nothing_else() {
        let cases = [
            ("8014", Some("08014")),
            ("501", Some("00501")),
            ("8014-1234", Some("08014-1234")),
            ("501-1234", Some("00501-1234")),
            ("08014", None),
            ("08014-1234", None),
            ("80", None),
            ("801A", None),
            ("8014-12", None),
            ("801-ABCD", None),
            ("M5V", None),
        ];
        for (zip, restored) in cases {
            assert_eq!(with_leading_zeros(zip).as_deref(), restored, "{zip}");
        }
    }
}
