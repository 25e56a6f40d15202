//! Phone numbers as E.164, by a port of Google's libphonenumber.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::Region};

use super::text;

mod looks;

pub(crate) use looks::{is_american, looks_like_phone, may_be_phone};

/// A phone number from a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) e164: String,
    /// Note on a part of the cell that was dropped.
    pub(crate) left: Option<&'static str>,
}

/// Why a cell has no usable phone number.
pub(crate) type Refusal = &'static str;

const EXTENSION: &str = "has an extension, which GHL has no place for";
const OTHERS: &str = "has more than one phone number: the first is used";
const REMARK: &str = "has a remark beside the number, which is left out";
const NOT_A_PHONE: &str = "is not a phone number";
const NO_COUNTRY: &str = "is a national number and its country is not known: write it with `+` and the country's prefix, fill a Country column, or say --country";

/// Reads the first number of a cell. A national one belongs to `country` (two letters), or is refused without one.
pub(crate) fn phone(cell: &str, country: Option<&str>) -> Result<Phone, Refusal> {
    match plain_north_american(cell, country) {
        Some(e164) => Ok(Phone { e164, left: None }),
        None => any_phone(cell, country),
    }
}

/// Reads a +1 number in the usual notation. All of these have one form, so this skips the library, which takes most of
/// a list's time.
fn plain_north_american(cell: &str, country: Option<&str>) -> Option<String> {
    let cell = cell.trim();
    let (rest, is_international) = match cell.strip_prefix('+') {
        Some(rest) => (rest, true),
        None => (cell, false),
    };
    let is_of_region = is_international || matches!(country, Some("US" | "CA"));
    // `2025550145.0` comes from a spreadsheet, and an extension may follow ` - `.
    if !is_of_region || rest.contains(" - ") || rest.ends_with(".0") || rest.ends_with(".00") {
        return None;
    }
    let mut digits = [0_u8; 11];
    let mut count = 0;
    let (mut groups, mut group) = ([0_usize; 4], 0);
    let mut after_sign = false;
    for byte in rest.bytes() {
        match byte {
            b'0'..=b'9' => {
                group += usize::from(after_sign && count > 0);
                after_sign = false;
                *digits.get_mut(count)? = byte;
                *groups.get_mut(group)? += 1;
                count += 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' => after_sign = true,
            _ => return None,
        }
    }
    if !is_american_grouping(groups.get(..=group)?) {
        return None;
    }
    let ten = match digits.get(..count)? {
        [b'1', ten @ ..] if ten.len() == 10 => ten,
        ten if ten.len() == 10 && !is_international => ten,
        _ => return None,
    };
    has_north_american_form(ten).then(|| ['+', '1'].into_iter().chain(ten.iter().copied().map(char::from)).collect())
}

fn any_phone(cell: &str, country: Option<&str>) -> Result<Phone, Refusal> {
    let narrow = text::narrow(cell);
    let (cell, has_remark) = without_remark(&narrow);
    let number = spreadsheet(cell)?;
    let parts = parts(&number);
    let mut first = match parts.as_slice() {
        [] => return Err(NOT_A_PHONE),
        [one] => one_number(one, country)?,
        [first, ..] => Phone { left: Some(OTHERS), ..one_number(first, country)? },
    };
    if has_remark && first.left.is_none() {
        first.left = Some(REMARK);
    }
    Ok(first)
}

/// Adds the area code from its own column, unless the number already has it.
pub(crate) fn with_area_code(area: &str, number: &str) -> String {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let (area_digits, number_digits) = (digits(area), digits(number));
    let (bare, number_bare) = (area_digits.trim_start_matches('0'), number_digits.trim_start_matches('0'));
    let has_it =
        number.trim_start().starts_with('+') || number_digits.starts_with('0') || number_bare.starts_with(bare);
    let is_area = !bare.is_empty() && area_digits.len() <= 6;
    // A number that only happens to begin with these digits is shorter.
    let has_it = has_it && (number_digits.len() >= 8 || !number_bare.starts_with(bare));
    if !is_area || has_it { number.to_owned() } else { format!("{} {number}", area.trim()) }
}

/// Strips labels such as `Mobile:`, `tel:`, `p:` (Facebook) and remarks in brackets such as `(home)`.
fn without_remark(cell: &str) -> (&str, bool) {
    let cell = cell.trim();
    let label = cell.split_once(':').filter(|(label, _)| {
        !label.is_empty() && label.len() <= 20 && label.chars().all(|c| c.is_alphabetic() || " .*-".contains(c))
    });
    let cell = label.map_or(cell, |(_, rest)| rest.trim());
    let remark = cell.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    match remark {
        Some((number, remark))
            if !remark.is_empty() && remark.chars().all(|c| c.is_alphabetic() || " .".contains(c)) =>
        {
            (number.trim(), true)
        }
        _ => (cell, false),
    }
}

/// Undoes spreadsheet notation if no digits are lost: `2025550145.0`, `1.2025550143E+10`.
fn spreadsheet(cell: &str) -> Result<String, Refusal> {
    const LOST: &str = "has lost digits in a spreadsheet: export the list with this column as text";
    if !cell.is_empty() && cell.bytes().all(|byte| byte == b'#') {
        return Err(LOST);
    }
    let is_mantissa = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if let Some((mantissa, exponent)) = cell.split_once(['E', 'e'])
        && is_mantissa(mantissa)
        && let Ok(exponent) = exponent.trim_start_matches('+').parse::<usize>()
    {
        let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        return if whole.len() == 1 && decimals.len() == exponent {
            Ok(format!("{whole}{decimals}"))
        } else {
            Err(LOST)
        };
    }
    let whole = cell.strip_suffix(".0").or_else(|| cell.strip_suffix(".00"));
    let is_number = |whole: &&str| whole.len() >= 7 && whole.bytes().all(|byte| byte.is_ascii_digit());
    Ok(whole.filter(is_number).unwrap_or(cell).to_owned())
}

/// Splits a cell into its numbers.
fn parts(cell: &str) -> Vec<String> {
    let is_simple = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b' ');
    if cell.bytes().all(is_simple) && cell.contains(|c: char| c.is_ascii_digit()) {
        return vec![cell.trim().to_owned()];
    }
    let cell = cell.replace(":::", ";").replace(" or ", ";").replace(" und ", ";").replace(" and ", ";");
    let mut parts: Vec<String> = Vec::new();
    for part in cell
        .split([';', '|', '\n', ','])
        .map(|part| part.trim_matches(|c: char| c.is_whitespace() || "[]{}\"".contains(c)))
    {
        let digits = digits(part);
        match parts.last_mut() {
            _ if part.is_empty() => {}
            // `030, 123 456` is one number, and so is `…, ext. 12`.
            Some(last) if digits < 6 || self::digits(last) < 6 => {
                last.push(' ');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts.into_iter().flat_map(|part| at_slashes(&part)).collect()
}

/// Splits at slashes: `202-555-0143 / 202-555-0144` are two numbers, but `030/123456` is one.
fn at_slashes(part: &str) -> Vec<String> {
    let pieces: Vec<&str> = part.split('/').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    if pieces.len() >= 2 && pieces.iter().all(|piece| digits(piece) >= 7) {
        return pieces.into_iter().map(str::to_owned).collect();
    }
    vec![part.to_owned()]
}

fn digits(text: &str) -> usize {
    text.chars().filter(|c| c.is_numeric()).count()
}

fn one_number(number: &str, country: Option<&str>) -> Result<Phone, Refusal> {
    let (number, mut left) = ending(number)?;
    let (number, has_extension) = without_extension(number);
    if has_extension {
        left = Some(EXTENSION);
    }
    let number = number.trim();
    if number.contains(|c: char| c.is_alphabetic()) || number.matches('+').count() > 1 || digits(number) < 5 {
        return Err(NOT_A_PHONE);
    }
    let e164 = e164(number, country)?;
    Ok(Phone { e164, left })
}

/// `030 555012/13` means two lines: take the first. `030 555012 - 99` may be an extension or a range.
fn ending(number: &str) -> Result<(&str, Option<&'static str>), Refusal> {
    if let Some((line, other)) = number.rsplit_once('/')
        && digits(other) <= 4
        && digits(line) >= 7
    {
        return Ok((line, Some(OTHERS)));
    }
    if let Some((line, desk)) = number.rsplit_once(" - ").or_else(|| number.rsplit_once(" – "))
        && digits(desk) <= 3
        && digits(line) >= 8
    {
        return Err("ends with a number that may be an extension or a part of it: write the number in one piece");
    }
    Ok((number, None))
}

fn without_extension(text: &str) -> (&str, bool) {
    let at = text.find(|c: char| c.is_alphabetic() || c == '#');
    let Some(at) = at.filter(|at| *at > 0) else { return (text, false) };
    let (number, rest) = text.split_at(at);
    let rest = rest.to_lowercase();
    let words = [
        "extension",
        "ext",
        "xtn",
        "x",
        "#",
        "durchwahl",
        "dw",
        "app",
        "apparat",
        "toestel",
        "wew",
        "poste",
        "anexo",
        "interno",
        "доб",
    ];
    let after = words.iter().find_map(|word| rest.strip_prefix(word));
    let is_extension = after.is_some_and(|after| {
        let after = after.trim_matches([' ', '.', ':', '#', '=']);
        !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_extension { (number.trim_end_matches([' ', ',', ';', '(']), true) } else { (text, false) }
}

fn e164(number: &str, country: Option<&str>) -> Result<String, Refusal> {
    const NO_SUCH: &str = "is not a phone number that exists: check its digits";
    let region = country.and_then(|code| code.parse::<Region>().ok());
    let international = international(number, region);
    let is_international = international.is_some();
    // Mexican mobile numbers had this 1 until 2019, and WhatsApp still writes it.
    let mexican = international.as_deref().and_then(without_mexicos_one);
    let text = mexican.as_deref().or(international.as_deref()).unwrap_or(number);
    if !is_international && region.is_none() {
        return Err(NO_COUNTRY);
    }
    if !is_international && may_lack_area_code(number, country) {
        return Err("may lack its area code: write it whole, with its first 0 or with `+`");
    }
    let parsed =
        PHONE_NUMBER_UTIL.parse(text, if is_international { None } else { region }).map_err(|_| NOT_A_PHONE)?;
    let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
    if !is_international && may_have_lost_its_plus(number, &e164, parsed.country_code) {
        return Err(
            "begins with its country's own prefix: write it with `+`, or with the first 0 of a national number",
        );
    }
    // A number written with `+` is meant as it is, even in a range newer than the library. Without `+` the country is
    // a guess, so the number must be valid there. All +1 numbers have one form. No E.164 number begins with 0 after
    // the country code: that 0 is a national prefix. Italy is no exception here, because the library knows its
    // numbers.
    let is_new = || {
        is_possible(&parsed)
            && is_north_american(&e164).unwrap_or_else(|| is_international && !e164_has_zero(&e164, &parsed))
    };
    let is_plausible = parsed.is_valid()
        || is_of_stories(&e164)
        || ((is_international || is_american_grouping(&groups(number))) && is_new());
    if is_plausible && !is_international && may_be_american(number, &e164, &parsed) {
        return Err(
            "is written like a number of the US: write it with `+` and its country's prefix, or with the first 0 of a national number",
        );
    }
    if !is_plausible {
        return Err(if is_international {
            NO_SUCH
        } else {
            "is not a phone number of the row's country: check it, or write it with `+` and its country's prefix"
        });
    }
    Ok(e164)
}

/// Whether a national number may lack its plus: `4915123456789` in Germany is valid as it is, but more likely
/// `+4915123456789`.
fn may_have_lost_its_plus(number: &str, e164: &str, country_code: i32) -> bool {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.starts_with(&country_code.to_string())
        && e164.strip_prefix('+').is_some_and(|whole| whole == format!("{country_code}{digits}"))
        && PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).is_ok_and(|whole| whole.is_valid())
}

fn without_mexicos_one(number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("521").filter(|rest| rest.len() == 10).map(|rest| format!("+52{rest}"))
}

/// A short number in Germany or Austria without a leading 0 may belong to any town.
fn may_lack_area_code(number: &str, country: Option<&str>) -> bool {
    let first = number.chars().find(char::is_ascii_digit);
    matches!(country, Some("DE" | "AT")) && first != Some('0') && digits(number) < 9
}

/// Whether an E.164 number has a country's dialling code.
pub(crate) fn is_of_country(e164: &str, country: &str) -> bool {
    let region = country.parse::<Region>().ok();
    let code = region.and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region));
    code.is_some_and(|code| e164.strip_prefix('+').is_some_and(|rest| rest.starts_with(&code.to_string())))
}

/// The country of a dialling code: `+49`, `0049`, `49`. If several countries share it, the largest.
pub(crate) fn country_of_dial_code(text: &str) -> Option<String> {
    let text = text.trim_matches(['(', ')', ' ']);
    let code = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
    let code: i32 = Some(code).filter(|code| code.len() <= 3)?.parse().ok()?;
    PHONE_NUMBER_UTIL
        .get_region_for_country_code(code)
        .map(|region| format!("{region:?}"))
        .filter(|code| code.len() == 2)
}

fn is_possible(number: &rlibphonenumber::PhoneNumber) -> bool {
    matches!(number.is_possible_with_reason(), Ok(rlibphonenumber::enums::NumberLengthType::IsPossible))
}

/// Whether a +1 number has the form of all such numbers; `None` for other countries.
fn is_north_american(e164: &str) -> Option<bool> {
    let ten = e164.strip_prefix("+1")?;
    Some(has_north_american_form(ten.as_bytes()))
}

fn has_north_american_form(ten: &[u8]) -> bool {
    // No number repeats one digit ten times. The numbering plan reserves area codes such as 211, 291, 370 and 960.
    ten.iter().any(|digit| Some(digit) != ten.first())
        && !matches!(ten, [_, b'1', b'1', ..] | [_, b'9', ..] | [b'3', b'7', ..] | [b'9', b'6', ..])
        && matches!(ten, [b'2'..=b'9', _, _, b'2'..=b'9', _, _, _, _, _, _])
}

fn e164_has_zero(e164: &str, number: &rlibphonenumber::PhoneNumber) -> bool {
    let prefix = number.country_code.to_string();
    e164.trim_start_matches('+').strip_prefix(&prefix).is_some_and(|national| national.starts_with('0'))
}

/// Number ranges that Ofcom reserves for fiction. Sample lists use them, and nobody else gets such a number.
fn is_of_stories(e164: &str) -> bool {
    e164.len() == 13 && (e164.starts_with("+447700900") || e164.starts_with("+441632960"))
}

/// Normalizes a number with an international prefix to `+`: `+` itself, `00`, or the country's own prefix (`011` in
/// North America, `0011` in Australia).
fn international(number: &str, region: Option<Region>) -> Option<String> {
    let number = number.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    if number.starts_with('+') {
        return Some(number.to_owned());
    }
    if !number.starts_with('0') {
        return None;
    }
    // The same digits begin national numbers elsewhere: 011 is Buenos Aires and Johannesburg.
    if let Some(region) = region
        && let Ok(abroad) = PHONE_NUMBER_UTIL.parse(number, Some(region))
        && PHONE_NUMBER_UTIL.get_country_code_for_region(region) != Some(abroad.country_code)
        && abroad.is_valid()
    {
        return Some(abroad.format_as(PhoneNumberFormat::E164).into_owned());
    }
    let rest = number.strip_prefix("00")?;
    Some(format!("+{}", rest.trim_start_matches([' ', '-', '.', ')'])))
}

/// Whether a number is grouped as in North America, `(212) 736-5000`, and may be from there: in a country of national
/// numbers with a leading 0, one without it may as well be a US number.
fn may_be_american(number: &str, e164: &str, parsed: &rlibphonenumber::PhoneNumber) -> bool {
    let mut signs = number.trim().chars().rev().filter(|c| !c.is_ascii_digit());
    let is_grouped = groups(number) == [3, 3, 4] && matches!(signs.next(), Some('-' | '.'));
    is_grouped
        && !e164.starts_with("+1")
        && !number.contains('+')
        && parsed.format_as(PhoneNumberFormat::National).trim_start_matches('(').starts_with('0')
        && is_american(number)
}

/// Whether digit groups of these lengths are usual in North America. `98765 43210` is Indian.
fn is_american_grouping(groups: &[usize]) -> bool {
    matches!(
        groups,
        [10 | 11]
            | [1, 10]
            | [3, 7]
            | [4, 7]
            | [6, 4]
            | [7, 4]
            | [1, 6, 4]
            | [3, 3, 4]
            | [4, 3, 4]
            | [1, 3, 7]
            | [1, 3, 3, 4]
    )
}

/// Lengths of the digit groups.
fn groups(number: &str) -> Vec<usize> {
    number.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|length| *length > 0).collect()
}

#[cfg(test)]
mod tests;
