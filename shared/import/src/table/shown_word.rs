//! The word that a sheet shows in the place of a number: the format `"No";;"Yes"` shows `Yes` for 0.

/// A part of a number's format: for numbers above 0, below it, 0 itself, or under a condition.
#[derive(Debug, Default)]
struct Section {
    condition: Option<(String, f64)>,
    /// What it shows, if it has no place for a digit.
    word: Option<String>,
    has_places: bool,
}

/// The word that a format shows in the place of this number, if it shows one.
pub(super) fn word(number: f64, format: &str) -> Option<String> {
    if !format.contains(['"', '\\']) {
        return None;
    }
    let sections = sections(format);
    let has_conditions = sections.iter().any(|section| section.condition.is_some());
    let section = if has_conditions {
        sections.iter().find(|section| section.holds(number))
    } else {
        let at = match (sections.len(), number) {
            (3.., 0.0) => 2,
            (2.., ..0.0) => 1,
            _ => 0,
        };
        sections.get(at)
    };
    section.filter(|section| !section.has_places).and_then(|section| section.word.clone())
}

impl Section {
    fn holds(&self, number: f64) -> bool {
        let Some((sign, limit)) = &self.condition else { return true };
        match sign.as_str() {
            "<" => number < *limit,
            "<=" => number <= *limit,
            ">" => number > *limit,
            ">=" => number >= *limit,
            "<>" => (number - limit).abs() > f64::EPSILON,
            _ => (number - limit).abs() <= f64::EPSILON,
        }
    }
}

fn sections(format: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        let Some(section) = sections.last_mut() else { break };
        match sign {
            ';' => sections.push(Section::default()),
            '"' => section.word.get_or_insert_default().extend(signs.by_ref().take_while(|c| *c != '"')),
            '\\' => section.word.get_or_insert_default().extend(signs.next()),
            '_' | '*' => drop(signs.next()),
            '[' => {
                let inside: String = signs.by_ref().take_while(|c| *c != ']').collect();
                let limit = inside.trim_start_matches(['<', '>', '=']);
                let sign = inside.get(..inside.len() - limit.len()).unwrap_or_default();
                if !sign.is_empty() {
                    section.condition = limit.parse().ok().map(|limit| (sign.to_owned(), limit));
                }
            }
            ' ' | '-' | '+' | '(' | ')' => section.word.iter_mut().for_each(|word| word.push(sign)),
            _ => section.has_places = true,
        }
    }
    for section in &mut sections {
        section.word = section.word.take().filter(|word| word.chars().any(char::is_alphabetic));
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_its_sheet_shows_as_a_word_is_the_word() {
        let cases = [
            (0.0, "\"No\";;\"Yes\"", Some("Yes")),
            (1.0, "\"No\";;\"Yes\"", Some("No")),
            (1.0, "\"Yes\";\"Yes\";\"No\"", Some("Yes")),
            (0.0, "[=1]\"Yes\";[=0]\"No\";General", Some("No")),
            (2.0, "[=1]\"Yes\";[=0]\"No\";General", None),
            (7.0, "\"M-\"0000", None),
            (7.0, "0\" years\"", None),
            (0.0, "General", None),
        ];
        for (number, format, shown) in cases {
            assert_eq!(word(number, format).as_deref(), shown, "{number} {format}");
        }
    }
}
