//! Reading data that a newer build of ours wrote: unknown fields are ignored.
//!
//! Input from people is parsed strictly, with the same types: there an unknown field is a mistake to report.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

use crate::json::Objects;

/// Parses a struct from JSON and ignores unknown fields, even if the struct itself denies them.
///
/// # Errors
/// If it is not JSON, or a known field has the wrong type.
pub(super) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    T::deserialize(Objects(KnownMembers(serde_json::from_str(json)?)))
}

/// A value that shows a struct only the struct's own fields.
struct KnownMembers(Value);

impl<'de> Deserializer<'de> for KnownMembers {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Value::Object(members) = &mut self.0 {
            members.retain(|member, _| fields.contains(&member.as_str()));
        }
        self.0.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contact;

    #[test]
    fn fields_that_this_build_does_not_know_are_left_out_where_strict_reading_refuses_them() {
        let json = r#"{"firstName":"Ann","favouriteColour":{"is":["red"]},"tags":["vip"]}"#;
        assert!(serde_json::from_str::<Contact>(json).is_err());
        let contact: Contact = from_json(json).unwrap();
        let known = Contact { first_name: Some("Ann".to_owned()), tags: vec!["vip".to_owned()], ..Contact::default() };
        assert_eq!(contact, known);
    }

    #[test]
    fn what_is_damaged_is_still_an_error() {
        for json in ["", "3", r#"{"firstName":3}"#, r#"{"firstName":"Ann""#] {
            assert!(from_json::<Contact>(json).is_err(), "{json}");
        }
    }
}
