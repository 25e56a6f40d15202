//! E-mail addresses, dates, time zones, yes and no, tags. Each takes a trimmed cell with something in it.

/// An e-mail address, as it is written.
pub(super) fn email(text: &str) -> Result<String, &'static str> {
    let is_stray = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\"\\".contains(c);
    let is_domain = |domain: &str| domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    match text.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && is_domain(domain)
                && !domain.contains('@')
                && !text.contains(is_stray)
                && text.len() <= 254 =>
        {
            Ok(text.to_owned())
        }
        _ => Err("is not an e-mail address"),
    }
}

/// A date as `YYYY-MM-DD`, from that or from the US form `M/D/YYYY`.
pub(super) fn date(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "is not a date like 1990-12-31 or 12/31/1990";
    let (year, month, day) = match *text.split(['-', '/']).collect::<Vec<_>>() {
        [year, month, day] if text.contains('-') && !text.contains('/') => (year, month, day),
        [month, day, year] if !text.contains('-') => (year, month, day),
        _ => return Err(EXPECTED),
    };
    let number = |text: &str, max_digits: usize| {
        let is_number = text.len() <= max_digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number).ok_or(EXPECTED)
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    if year < 1000 || !(1..=days_of(year, month)).contains(&day) {
        return Err(EXPECTED);
    }
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

/// How many days a month has; none if there is no such month.
fn days_of(year: u16, month: u16) -> u16 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}

/// An IANA time zone name. That the zone exists is left to GHL.
pub(super) fn timezone(text: &str) -> Result<String, &'static str> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    let is_name = text == "UTC" || (text.contains('/') && text.split('/').all(is_part));
    is_name.then(|| text.to_owned()).ok_or("is not a time zone like America/New_York")
}

/// A yes or a no.
pub(super) fn flag(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" => Ok(true),
        "false" | "no" | "n" | "0" | "off" => Ok(false),
        _ => Err("is neither yes nor no"),
    }
}

/// The tags of a cell, each once.
pub(super) fn tags(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([',', ';', '|']).map(str::trim).filter(|tag| !tag.is_empty()) {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_a_name_and_a_domain() {
        for text in ["a@b.co", "Jo.O'Neil+x@mail.example.com", "zoë@exämple.org"] {
            assert_eq!(email(text).as_deref(), Ok(text));
        }
        let long = format!("{}@example.com", "x".repeat(250));
        let wrong = [
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@b.",
            "a@.co",
            "a@b..co",
            "a@b@c.co",
            "a b@c.co",
            "<a@b.co>",
            "a@b.co,c@d.co",
        ];
        for text in wrong.into_iter().chain([long.as_str()]) {
            assert!(email(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_becomes_iso() {
        let cases = [
            ("1990-12-31", "1990-12-31"),
            ("1990-2-3", "1990-02-03"),
            ("12/31/1990", "1990-12-31"),
            ("2/3/1990", "1990-02-03"),
            ("02/29/2000", "2000-02-29"),
        ];
        for (text, iso) in cases {
            assert_eq!(date(text).as_deref(), Ok(iso), "{text}");
        }
        let wrong = [
            "31/12/1990",
            "2/29/1900",
            "2/30/1990",
            "1990-13-01",
            "1990-00-10",
            "1/0/1990",
            "1/2/90",
            "1990-12/31",
            "1990-12-31-1",
            "--",
            "//",
            "May 1, 1990",
            "1990",
            "+990-1-1",
            "1990-12-31T00:00",
        ];
        for text in wrong {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_zone_has_the_form_of_an_iana_name() {
        for text in ["America/New_York", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5"] {
            assert_eq!(timezone(text).as_deref(), Ok(text));
        }
        for text in ["Eastern", "GMT-05:00", "/", "America/New York"] {
            assert!(timezone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_is_yes_or_no() {
        assert_eq!(["TRUE", "yes", "1", "No", "0", "off"].map(flag), [true, true, true, false, false, false].map(Ok));
        assert!(flag("SMS").is_err());
    }

    #[test]
    fn tags_are_split_at_each_usual_sign_and_kept_once() {
        assert_eq!(tags("vip, new lead;vip | ;hot|,"), ["vip", "new lead", "hot"]);
    }
}
