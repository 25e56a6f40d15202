//! Dates in the forms that people and programs write.

use time::{Date, Duration, Month};

use super::months::{is_weekday, month, month_in};

use crate::DateOrder;

/// Result of reading a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateReading {
    /// This day.
    Day(Date),
    /// Two numbers that may each be the month, and the year.
    Either { first: u8, second: u8, year: i32 },
    /// No date: zeros, as databases and spreadsheets write them.
    None,
    /// Not readable; the text says why.
    Refused(&'static str),
}

/// Evidence for a column's date order; kept by separator, since a column can mix dates of two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DateEvidence([Proof; SIGNS.len()]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Proof {
    day_first: bool,
    month_first: bool,
    either: bool,
}

const SIGNS: [char; 4] = ['/', '-', '.', ' '];

/// The order of a column's dates, by separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orders([Option<DateOrder>; SIGNS.len()]);

impl Orders {
    pub(crate) fn of(&self, text: &str) -> Option<DateOrder> {
        let text = super::text::narrow(text);
        sign_at(date_part(&text)).and_then(|at| self.0.get(at).copied().flatten())
    }
}

fn sign_at(date: &str) -> Option<usize> {
    let sign = date.chars().find(|c| !c.is_ascii_digit())?;
    SIGNS.iter().position(|known| *known == sign)
}

impl DateEvidence {
    pub(crate) fn take(&mut self, text: &str) {
        let text = super::text::narrow(text);
        let date = date_part(&text);
        let Some((first, second, _)) = numeric(date) else { return };
        let Some(proof) = sign_at(date).and_then(|at| self.0.get_mut(at)) else { return };
        match (first > 12, second > 12) {
            (true, false) => proof.day_first = true,
            (false, true) => proof.month_first = true,
            (false, false) => proof.either |= first != second,
            (true, true) => {}
        }
    }

    /// The proven orders. An error is a question; `true` if the dates prove both orders.
    pub(crate) fn orders(self, told: Option<DateOrder>) -> Result<Orders, bool> {
        let all = Proof {
            day_first: self.0.iter().any(|proof| proof.day_first),
            month_first: self.0.iter().any(|proof| proof.month_first),
            either: self.0.iter().any(|proof| proof.either),
        };
        if told.is_some() || !all.either {
            return Ok(Orders([told; SIGNS.len()]));
        }
        if let Some(order) = all.order() {
            return Ok(Orders([Some(order); SIGNS.len()]));
        }
        let by_sign = self.0.map(Proof::order);
        let is_open = self.0.iter().zip(&by_sign).any(|(proof, order)| proof.either && order.is_none());
        if is_open { Err(all.day_first) } else { Ok(Orders(by_sign)) }
    }
}

impl Proof {
    fn order(self) -> Option<DateOrder> {
        match (self.day_first, self.month_first) {
            (true, false) => Some(DateOrder::DayFirst),
            (false, true) => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }
}

const EXPECTED: &str = "is not a date that can be read: write it like 1990-12-31";

/// Reads a date. Years of two digits are completed by `today`.
pub(crate) fn read(text: &str, order: Option<DateOrder>, today: Option<Date>, country: Option<&str>) -> DateReading {
    let narrow = super::text::narrow(text);
    let text = narrow.trim();
    if is_zero(text) {
        return DateReading::None;
    }
    if has_shifted_day(text) {
        return DateReading::Refused(
            "has a time in another zone, by which the day may be another: write the date alone",
        );
    }
    let part = date_part(text);
    if let Some(reading) = compact(part).or_else(|| named(part, today, country)) {
        return reading;
    }
    if let Some((year, month, day)) = iso(part) {
        return day_of(year, month, day);
    }
    let Some((first, second, year)) = numeric(part) else {
        return DateReading::Refused(if is_without_year(part) {
            "has no year: write the date like 1990-12-31"
        } else {
            EXPECTED
        });
    };
    let year = match full_year(year, today) {
        Ok(year) => year,
        Err(refusal) => return DateReading::Refused(refusal),
    };
    match (order, first > 12, second > 12) {
        (_, true, false) => day_of(year, second, first),
        (_, false, true) => day_of(year, first, second),
        (Some(DateOrder::DayFirst), ..) => day_of(year, second, first),
        (Some(DateOrder::MonthFirst), ..) => day_of(year, first, second),
        (None, ..) if first == second => day_of(year, first, second),
        (None, ..) => match (u8::try_from(first), u8::try_from(second)) {
            (Ok(first), Ok(second)) => DateReading::Either { first, second, year },
            _ => DateReading::Refused(EXPECTED),
        },
    }
}

fn day_of(year: i32, month: u32, day: u32) -> DateReading {
    let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok());
    let day = u8::try_from(day).ok();
    let date = month.zip(day).and_then(|(month, day)| Date::from_calendar_date(year, month, day).ok());
    date.map_or(DateReading::Refused("is not a day that exists"), DateReading::Day)
}

/// Cuts off the time of day and the name of the day.
fn date_part(text: &str) -> &str {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'.')) {
        return text;
    }
    let (day, rest) = text.split_once(", ").or_else(|| text.split_once(' ')).unwrap_or(("", text));
    let text = if is_weekday(day) && rest.contains(|c: char| c.is_ascii_digit()) { rest.trim() } else { text };
    let time_at = text.find('T').filter(|at| text.get(..*at).is_some_and(|date| iso(date).is_some()));
    let time_at = time_at.or_else(|| {
        let colon = text.find(':')?;
        text.get(..colon)?.rfind([' ', '\u{202f}'])
    });
    time_at.and_then(|at| text.get(..at)).unwrap_or(text).trim().trim_end_matches(',')
}

/// Whether the text has a zone and a time other than midnight: `1991-05-14T22:00:00Z`, `1991-05-14 22:00:00 UTC`, `…
/// +0200`.
fn has_shifted_day(text: &str) -> bool {
    let Some(colon) = text.find(':') else { return false };
    let (before, after) = text.split_at(colon);
    let Some(hour_at) = before.rfind(['T', ' ', '\u{202f}']) else { return false };
    let clock = after.split(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).next().unwrap_or_default();
    let zone = after.get(clock.len()..).unwrap_or_default().trim().to_lowercase();
    let zone = zone.trim_start_matches("am").trim_start_matches("pm").trim();
    let has_zone = zone.starts_with(['+', '-', 'z']) || (zone.len() >= 2 && zone.starts_with(char::is_alphabetic));
    let hour = before.get(hour_at..).unwrap_or_default();
    let is_midnight = hour.chars().chain(clock.chars()).all(|c| !c.is_ascii_digit() || c == '0');
    has_zone && !is_midnight
}

/// Whether it is `0000-00-00`, or Excel's zero, `1900-01-00` or `1/0/1900`.
fn is_zero(text: &str) -> bool {
    let date = text.split([' ', 'T']).next().unwrap_or_default();
    let is_zeros = !date.is_empty() && date.contains('0') && date.chars().all(|c| matches!(c, '0' | '-' | '/' | '.'));
    is_zeros
        || matches!(
            date,
            "1900-01-00" | "1/0/1900" | "01/00/1900" | "0/1/1900" | "00.01.1900" | "1/0/00" | "00/01/1900"
        )
}

/// Parses `1991-05-15`, `1991/5/15`, `1991.05.15`, `1991年5月15日`.
fn iso(text: &str) -> Option<(i32, u32, u32)> {
    let text = text.trim_end_matches(['日', '일', '.']);
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月', '년', '월']).map(str::trim).collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 && is_number(month, 2) && is_number(day, 2) && is_number(year, 4) => {
            Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
        }
        _ => None,
    }
}

fn is_number(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses three numbers with one separator. The last is the year.
fn numeric(text: &str) -> Option<(u32, u32, Year)> {
    let sign = text.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(sign, '/' | '-' | '.' | ' ') {
        return None;
    }
    let text = text.trim_end_matches('.');
    let parts: Vec<&str> = text.split(sign).map(str::trim).collect();
    match parts.as_slice() {
        [first, second, year]
            if is_number(first, 2) && is_number(second, 2) && is_number(year, 4) && matches!(year.len(), 2 | 4) =>
        {
            Some((
                first.parse().ok()?,
                second.parse().ok()?,
                Year { number: year.parse().ok()?, is_short: year.len() == 2 },
            ))
        }
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Year {
    number: i32,
    is_short: bool,
}

/// Completes a year of two digits. It belongs to the last century if it is still to come in this one; else it is
/// ambiguous.
fn full_year(year: Year, today: Option<Date>) -> Result<i32, &'static str> {
    const SHORT: &str = "has a year of two digits that may be of this century or of the last: write all four";
    if !year.is_short {
        return Ok(year.number);
    }
    let this = today.map_or(i32::MAX, |today| today.year() % 100);
    if year.number > this { Ok(1900 + year.number) } else { Err(SHORT) }
}

/// Parses `19910515`, and Excel's serial numbers, with 1900-01-01 as day 1.
fn compact(text: &str) -> Option<DateReading> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let (whole, _) =
        whole.split_once('.').filter(|(whole, rest)| whole.len() == 5 && is_number(rest, 12)).unwrap_or((whole, ""));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if whole.len() == 8 {
        let (year, month, day) = (whole.get(..4)?, whole.get(4..6)?, whole.get(6..)?);
        let reading = day_of(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        return Some(match reading {
            DateReading::Day(day) if day.year() >= 1800 => reading,
            _ => DateReading::Refused(EXPECTED),
        });
    }
    let serial: i64 = whole.parse().ok().filter(|_| (4..=5).contains(&whole.len()))?;
    // A smaller number may be a year.
    if serial < 3000 {
        return Some(DateReading::Refused(
            "is a number that may be a year or a spreadsheet's day: write the date like 1990-12-31",
        ));
    }
    let base = Date::from_calendar_date(1899, Month::December, 30).ok()?;
    Some(base.checked_add(Duration::days(serial)).map_or(DateReading::Refused(EXPECTED), DateReading::Day))
}

/// Parses dates with the name of a month: `May 15, 1991`, `15-May-1991`, `15. Mai 1991`, `15 de mayo de 1991`.
fn named(text: &str, today: Option<Date>, country: Option<&str>) -> Option<DateReading> {
    if !text.contains(char::is_alphabetic) {
        return None;
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || ",-./".contains(c))
        .filter(|word| !word.is_empty() && !matches!(*word, "de" | "del" | "of" | "the"))
        .collect();
    let at = words.iter().position(|word| month(word).is_some())?;
    let word = words.get(at).copied()?;
    let Some(number) = month_in(word, country) else {
        return Some(DateReading::Refused(
            "names a month that is October in Croatian and November in Polish: write the date like 1990-12-31",
        ));
    };
    let numbers: Vec<&str> =
        words.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, word)| *word).collect();
    let [first, second] = numbers.as_slice() else {
        return Some(DateReading::Refused("has no year or no day: write the date like 1990-12-31"));
    };
    let ordinal = |word: &str| {
        let digits = ["st", "nd", "rd", "th", "er", "º", "ª"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word)
            .to_owned();
        is_number(&digits, 4).then_some(digits)
    };
    let (Some(first), Some(second)) = (ordinal(first), ordinal(second)) else {
        return Some(DateReading::Refused(EXPECTED));
    };
    let (day, year) = if first.len() == 4 { (second, first) } else { (first, second) };
    if !matches!(year.len(), 2 | 4) || day.len() > 2 {
        return Some(DateReading::Refused(EXPECTED));
    }
    let year = Year { number: year.parse().ok()?, is_short: year.len() == 2 };
    Some(match full_year(year, today) {
        Ok(year) => day_of(year, number, day.parse().ok()?),
        Err(refusal) => DateReading::Refused(refusal),
    })
}

/// Whether it is a date without a year: `05/17`, `--05-17`.
fn is_without_year(text: &str) -> bool {
    let parts: Vec<&str> = text.trim_start_matches('-').split(['/', '-', '.']).collect();
    matches!(parts.as_slice(), [first, second] if is_number(first, 2) && is_number(second, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> Option<Date> {
        Date::from_calendar_date(2026, Month::November, 28).ok()
    }

    fn day(text: &str, order: Option<DateOrder>) -> String {
        match read(text, order, today(), None) {
            DateReading::Day(date) => date.to_string(),
            DateReading::Either { .. } => "either".to_owned(),
            DateReading::None => "none".to_owned(),
            DateReading::Refused(_) => "refused".to_owned(),
        }
    }

    #[test]
    fn a_date_is_read_in_the_forms_that_people_write() {
        let forms = [
            "33373",
            "1991-05-15",
            "1991-05-15 00:00:00",
            "1991-05-15T00:00:00.000Z",
            "15.05.1991",
            "May 15, 1991",
            "5/15/91",
            "1991/05/15",
            "5/15/1991 12:00:00 AM",
            "19910515",
            "15-05-1991",
            "05-15-1991",
            "15 May 1991",
            "15-May-1991",
            "15-May-91",
            "15. Mai 1991",
            "15 mai 1991",
            "15 de mayo de 1991",
            "May 15th, 1991",
            "Wed, 15 May 1991",
            "Wednesday, May 15, 1991",
            "1991年5月15日",
            "15. 05. 1991",
            "15/5/1991",
            "33373.0",
            "1991-05-15 13:45",
            "15.5.1991 13:45:00",
            "１９９１-05-15",
        ];
        for text in forms {
            assert_eq!(day(text, None), "1991-05-15", "{text}");
        }
    }

    #[test]
    fn a_date_of_two_readings_needs_the_order() {
        assert_eq!(day("03/04/1991", None), "either");
        assert_eq!(day("03/04/1991", Some(DateOrder::DayFirst)), "1991-04-03");
        assert_eq!(day("03/04/1991", Some(DateOrder::MonthFirst)), "1991-03-04");
        assert_eq!(day("04/04/1991", None), "1991-04-04");
    }

    #[test]
    fn what_is_no_day_is_none_or_refused() {
        for text in ["0000-00-00", "0000-00-00 00:00:00", "1900-01-00", "1/0/1900", "00/00/0000"] {
            assert_eq!(day(text, None), "none", "{text}");
        }
        for text in [
            "2/30/1990",
            "1990-13-01",
            "31/02/1990",
            "05/17",
            "--05-17",
            "1990",
            "5/15/07",
            "soon",
            "1/2/3",
            "99",
            "12/31",
            "1991-05-14T22:00:00Z",
            "1991-05-14 22:00:00 UTC",
            "1991-05-14 22:00:00+02:00",
            "5/14/1991 10:00 PM PST",
        ] {
            assert_eq!(day(text, None), "refused", "{text}");
        }
    }

    #[test]
    fn a_column_proves_its_order_or_asks() {
        let evidence = |dates: &[&str]| {
            let mut evidence = DateEvidence::default();
            dates.iter().for_each(|date| evidence.take(date));
            evidence.orders(None).map(|orders| orders.of("03/04/1991"))
        };
        assert_eq!(evidence(&["03/04/1991", "15/04/1991"]), Ok(Some(DateOrder::DayFirst)));
        assert_eq!(evidence(&["03/04/1991", "04/15/1991"]), Ok(Some(DateOrder::MonthFirst)));
        assert_eq!(evidence(&["03/04/1991", "15.04.1991"]), Ok(Some(DateOrder::DayFirst)));
        assert_eq!(evidence(&["03/04/1991", "04/15/1991", "15-04-1991"]), Ok(Some(DateOrder::MonthFirst)));
        assert_eq!(evidence(&["03/04/1991", "04/04/1991"]), Err(false));
        assert_eq!(evidence(&["03/04/1991", "15/04/1991", "04/15/1991"]), Err(true));
        assert_eq!(evidence(&["15/04/1991", "04/15/1991", "1991-01-02"]), Ok(None));
        assert_eq!(evidence(&["03/04/1991 10:00"]), Err(false));
    }
}
