//! Names of months and days in the languages of lists.

/// Whether any word of the text is the name of a month.
pub(crate) fn has_month_name(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphabetic()).any(|word| month(word).is_some())
}

pub(super) fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.');
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = MONTHS.iter().position(|names| names.split(' ').any(|name| name == word))?;
    u32::try_from(at + 1).ok()
}

/// The month for a name that means different months in different countries.
pub(super) fn month_in(word: &str, country: Option<&str>) -> Option<u32> {
    match (word.starts_with("listopad"), country) {
        (false, _) => month(word),
        (true, Some("HR" | "BA")) => Some(10),
        (true, Some("PL" | "CZ" | "SK")) => Some(11),
        (true, _) => None,
    }
}

/// Whether a word is, or begins with, the name of a day.
pub(crate) fn is_weekday(word: &str) -> bool {
    let word = word.to_lowercase();
    (2..=12).contains(&word.chars().count()) && WEEKDAYS.split(' ').any(|name| word.starts_with(name))
}

const MONTHS: [&str; 12] = [
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari января stycznia",
    "february feb februar février fevrier févr febrero febbraio fevereiro fev februari февраля lutego",
    "march mar märz mär mrz mars marzo março maart mrt марта marca",
    "april apr avril avr abril abr aprile апреля kwietnia",
    "may mai mayo maggio mag maio mei maj мая maja",
    "june jun juni juin junio giugno giu junho июня czerwca",
    "july jul juli juillet juil julio luglio lug julho июля lipca",
    "august aug août aout agosto ago augustus augusti августа sierpnia",
    "september sep sept septembre septiembre settembre set setembro сентября września",
    "october oct oktober okt octobre octubre ottobre ott outubro out октября października",
    "november nov novembre noviembre novembro ноября listopada listopad listopadu",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro декабря grudnia",
];

const WEEKDAYS: &str = "mon tue wed thu fri sat sun montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi \
    jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo";
