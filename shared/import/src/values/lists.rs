//! Cells with several values: tags, chosen options.

use serde_json::{Map, Value};

use crate::name::key;

/// The distinct values of a cell, in order: from a JSON list, a Postgres array, quoted values, Google's `:::`, or
/// separated by commas, semicolons, bars or lines. Separators in brackets or quotes do not count.
pub(crate) fn list(cell: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let raw = raw(cell);
    // `NA` among other values is a place; alone it means empty.
    let has_several = raw.len() > 1;
    for value in raw {
        let value = super::text::value(&value).into_owned();
        let is_nothing = super::text::is_null(&value) && !(has_several && value == "NA");
        if !value.is_empty() && !is_nothing && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn raw(cell: &str) -> Vec<String> {
    let cell = cell.trim();
    if !cell.contains([',', ';', '|', '\n', '"', ':', '[', '{']) {
        return vec![cell.to_owned()];
    }
    if cell.starts_with('[')
        && let Ok(values) = serde_json::from_str::<Vec<Value>>(cell)
    {
        return values.into_iter().map(|value| value.as_str().map_or_else(|| named(&value), str::to_owned)).collect();
    }
    if cell.starts_with('{')
        && let Ok(object) = serde_json::from_str::<Map<String, Value>>(cell)
        && !object.is_empty()
    {
        return chosen(&object).unwrap_or_else(|| vec![named(&Value::Object(object))]);
    }
    // A list in Python notation.
    let inner = cell.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if let Some(inner) = inner.filter(|inner| inner.starts_with('\'') && inner.ends_with('\'')) {
        let bare = inner.get(1..inner.len() - 1).unwrap_or_default();
        return bare.split("', '").flat_map(|part| part.split("','")).map(str::to_owned).collect();
    }
    if cell.contains(":::") {
        return cell.split(":::").map(str::to_owned).collect();
    }
    let inner = cell.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).or(inner);
    split(inner.unwrap_or(cell))
}

/// An object becomes the tag that it names.
fn named(value: &Value) -> String {
    name(value).map_or_else(|| value.to_string(), str::to_owned)
}

fn name(value: &Value) -> Option<&str> {
    ["name", "label", "title", "value"].iter().find_map(|key| value.get(*key).and_then(|name| name.as_str()))
}

/// The names set to true in an object: `{"vip":true,"old":false}`.
fn chosen(object: &Map<String, Value>) -> Option<Vec<String>> {
    let is_choice = object.values().all(|value| matches!(value, Value::Bool(_) | Value::Null));
    let chosen = object.iter().filter(|(_, value)| **value == Value::Bool(true)).map(|(name, _)| name.clone());
    is_choice.then(|| chosen.collect())
}

/// Whether a cell is JSON but not a list of values: another object, or one cut off.
pub(crate) fn is_odd_json(cell: &str) -> bool {
    let cell = cell.trim();
    if !cell.starts_with(['[', '{']) {
        return false;
    }
    match serde_json::from_str::<Value>(cell) {
        Ok(Value::Array(values)) => {
            values.iter().any(|value| value.is_array() || (value.is_object() && name(value).is_none()))
        }
        Ok(value @ Value::Object(_)) => {
            let object = value.as_object().filter(|object| !object.is_empty());
            object.is_some_and(|object| chosen(object).is_none()) && name(&value).is_none()
        }
        Ok(_) => false,
        Err(_) if cell.starts_with('[') => cell.starts_with("[{") || (cell.starts_with("[\"") && !cell.ends_with(']')),
        Err(_) => cell.starts_with("{\"") && cell.contains("\":"),
    }
}

fn split(cell: &str) -> Vec<String> {
    let (mut values, mut value, mut depth, mut in_quotes) = (Vec::new(), String::new(), 0_usize, false);
    let has_balanced = cell.matches('(').count() == cell.matches(')').count();
    let has_quotes = cell.matches('"').count().is_multiple_of(2);
    for sign in cell.chars() {
        match sign {
            '"' if has_quotes => in_quotes = !in_quotes,
            '(' if has_balanced => depth += 1,
            ')' if has_balanced => depth = depth.saturating_sub(1),
            _ => {}
        }
        if matches!(sign, ',' | ';' | '|' | '\n') && depth == 0 && !in_quotes {
            values.push(std::mem::take(&mut value));
        } else {
            value.push(sign);
        }
    }
    values.push(value);
    values
}

/// Cleans up Google's groups: the one that holds everybody is dropped, the others lose their star.
pub(crate) fn without_google_groups(tags: Vec<String>) -> Vec<String> {
    let plain = tags.into_iter().map(|tag| tag.strip_prefix("* ").map_or(tag.clone(), str::to_owned));
    plain.filter(|tag| tag != "myContacts" && tag != "My Contacts").collect()
}

/// The options chosen in a cell, and whether it holds anything else.
pub(crate) fn options(cell: &str, known: &[String]) -> (Vec<String>, bool) {
    let find = |text: &str| {
        known
            .iter()
            .find(|option| option.trim() == text.trim())
            .or_else(|| known.iter().find(|option| key(option) == key(text) && !key(text).is_empty()))
    };
    if known.is_empty() {
        return (list(cell), false);
    }
    if let Some(option) = find(cell) {
        return (vec![option.clone()], false);
    }
    let pieces: Vec<String> = raw(cell)
        .iter()
        .map(|piece| super::text::value(piece).into_owned())
        .filter(|piece| !piece.is_empty())
        .collect();
    let (mut chosen, mut is_odd, mut at) = (Vec::new(), false, 0);
    // Options may contain commas: take the longest run of pieces that is an option.
    while at < pieces.len() {
        let run = (at + 1..=pieces.len()).rev().find_map(|end| {
            let text = pieces.get(at..end).unwrap_or_default().join(", ");
            find(&text).map(|option| (option.clone(), end))
        });
        match run {
            Some((option, end)) => {
                if !chosen.contains(&option) {
                    chosen.push(option);
                }
                at = end;
            }
            None => {
                is_odd = true;
                at += 1;
            }
        }
    }
    (chosen, is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_the_forms_of_lists() {
        let cases: [(&str, &[&str]); 15] = [
            ("vip, new lead;vip | ;hot|,", &["vip", "new lead", "hot"]),
            ("\"Newsletter\",\"Fair 2024\"", &["Newsletter", "Fair 2024"]),
            ("[\"a\", \"b, c\"]", &["a", "b, c"]),
            ("{a,\"b, c\"}", &["a", "b, c"]),
            ("[a, b]", &["a", "b"]),
            ("['a', 'b, c']", &["a", "b, c"]),
            ("* myContacts ::: Suppliers", &["* myContacts", "Suppliers"]),
            ("media (article, ad), x", &["media (article, ad)", "x"]),
            ("[{\"name\":\"vip\"}]", &["vip"]),
            ("a\nb", &["a", "b"]),
            ("NULL", &[]),
            ("NA", &[]),
            ("NA, EU", &["NA", "EU"]),
            ("{\"a\":true,\"b\":false}", &["a"]),
            ("{\"name\":\"vip\"}", &["vip"]),
        ];
        for (cell, tags) in cases {
            assert_eq!(list(cell), tags, "{cell}");
        }
        for odd in ["[\"a\"", "{\"a\":1,\"b\":\"x\"}", "{\"a\":tr", "[{\"a\":1}]"] {
            assert!(is_odd_json(odd), "{odd}");
        }
        for (cell, _) in cases {
            assert!(!is_odd_json(cell), "{cell}");
        }
        assert_eq!(without_google_groups(list("* myContacts ::: * starred ::: X")), ["starred", "X"]);
    }

    #[test]
    fn options_may_have_commas() {
        let known = ["media (article, ad)", "Red, white and blue", "Red"].map(str::to_owned);
        assert_eq!(options("red, media (article, ad)", &known), (vec!["Red".to_owned(), known[0].clone()], false));
        assert_eq!(options("Red, white and blue, Red", &known).0, [known[1].clone(), known[2].clone()]);
        assert_eq!(options("Red, Green", &known), (vec!["Red".to_owned()], true));
    }
}
