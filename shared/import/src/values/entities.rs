//! HTML entities: `&amp;`, `&uuml;`, `&#39;`.

/// Entity names for U+00C0 to U+00FF.
const LETTERS: &str = "Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml \
    ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc \
    atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde \
    ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/// The text with its entities decoded; `None` if it has none.
pub(super) fn decoded(text: &str) -> Option<String> {
    if !text.contains('&') || !text.contains(';') {
        return None;
    }
    let (mut decoded, mut rest, mut has_any) = (String::new(), text, false);
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        decoded.push_str(before);
        let named = from.find(';').and_then(|end| Some((sign(from.get(1..end)?)?, from.get(end + 1..)?)));
        match named {
            Some((sign, after)) => {
                decoded.push(sign);
                rest = after;
                has_any = true;
            }
            None => {
                decoded.push('&');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(rest);
    has_any.then_some(decoded)
}

fn sign(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let code = u32::from_str_radix(digits, radix).ok()?;
        char::from_u32(code).filter(|sign| !sign.is_control())
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "rsquo" => Some('’'),
        "ndash" => Some('–'),
        _ => match name.strip_prefix('#') {
            Some(hex) if hex.starts_with(['x', 'X']) => number(hex.get(1..)?, 16),
            Some(digits) => number(digits, 10),
            None => {
                let at = LETTERS.split(' ').position(|letter| letter == name)?;
                char::from_u32(u32::try_from(at).ok()? + 0xc0)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_signs_are_the_signs_and_other_ampersands_stay() {
        let cases = [
            ("M&uuml;ller &amp; S&ouml;hne", Some("Müller & Söhne")),
            ("O&#39;Neil", Some("O'Neil")),
            ("&#x41;&yuml;&szlig;", Some("Aÿß")),
            ("AT&T; x", None),
            ("a & b", None),
            ("R&D;&amp;", Some("R&D;&")),
        ];
        for (text, meant) in cases {
            assert_eq!(decoded(text).as_deref(), meant, "{text}");
        }
    }
}
