//! Parsing JSON from outside, where an object must be an object.
//!
//! serde's derived code also accepts an array for a struct, by position: `[]` for a struct whose fields all have
//! defaults, `["Ann", "Lee"]` for its first two. JSON from people and other programs must not be parsed that way at
//! any depth: such an array is a mistake, and the values it would set are not the intended ones.
//!
//! One gap remains: the content of an internally tagged enum (`#[serde(tag)]`), of an untagged one, and of
//! `#[serde(flatten)]`. serde reads it from its own copy. The enum itself must be an object, but a struct in it may
//! be an array. So such types hold only our own data; no request contains one (`tests/it/document.rs`).

use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde_json::{Error, Value};

/// Parses text.
///
/// # Errors
/// If it is not JSON of `T`, or has an array where `T` has an object.
pub fn from_str<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = T::deserialize(Objects(&mut deserializer))?;
    deserializer.end()?;
    Ok(read)
}

/// Converts a value.
///
/// # Errors
/// If it is not a `T`, or has an array where `T` has an object; the error names the field.
pub fn from_value<T: DeserializeOwned>(json: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(Objects(json)).map_err(|error| match error.path().iter().len() {
        0 => error.into_inner(),
        _ => Error::custom(format!("{}: {}", error.path(), error.inner())),
    })
}

/// A deserializer that fills a struct's fields by name only.
#[derive(Debug)]
pub struct Objects<D>(pub D);

macro_rules! forward {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Reader::of(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    forward! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    /// An internally tagged enum (`#[serde(tag)]`) calls this method, and would also take the tag from the first
    /// place of an array.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let expected = (&visitor as &dyn Expected).to_string();
        let reader = Reader { visitor, is_object: expected.starts_with("internally tagged enum") };
        self.0.deserialize_any(reader)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Reader { visitor, is_object: true })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Reader::of(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Reader::of(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Reader::of(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Reader::of(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Reader::of(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Wraps a visitor so that everything it visits is read the same way.
struct Reader<V> {
    visitor: V,
    /// Whether the visitor must see an object, not an array.
    is_object: bool,
}

impl<V> Reader<V> {
    fn of(visitor: V) -> Reader<V> {
        Reader { visitor, is_object: false }
    }
}

macro_rules! visit {
    ($($method:ident: $of:ty,)*) => {
        $(fn $method<E: serde::de::Error>(self, value: $of) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    visit! {
        visit_bool: bool,
        visit_i8: i8,
        visit_i16: i16,
        visit_i32: i32,
        visit_i64: i64,
        visit_i128: i128,
        visit_u8: u8,
        visit_u16: u16,
        visit_u32: u32,
        visit_u64: u64,
        visit_u128: u128,
        visit_f32: f32,
        visit_f64: f64,
        visit_char: char,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
        visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
        visit_byte_buf: Vec<u8>,
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Objects(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Objects(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        if self.is_object {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(Within(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Within(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Within(variant))
    }
}

/// The content of an array, an object or a variant.
struct Within<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Within<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Within(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Within<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Within(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Within(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Within<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Within<A> {
    type Error = A::Error;
    type Variant = Within<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, content) = self.0.variant_seed(Within(seed))?;
        Ok((value, Within(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Within<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Within(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Reader::of(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Reader { visitor, is_object: true })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        a: Option<u8>,
        b: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Inner);

    #[derive(Debug, PartialEq, Deserialize)]
    enum Named {
        Unit,
        Pair(u8, u8),
        Fields { a: u8 },
        Holds(Inner),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        One { a: u8 },
        Other,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer {
        one: Inner,
        maybe: Option<Inner>,
        boxed: Option<Box<Inner>>,
        wrapped: Option<Wrapped>,
        list: Vec<Inner>,
        map: BTreeMap<String, Inner>,
        named: Option<Named>,
        tagged: Option<Tagged>,
        pair: Option<(u8, Inner)>,
        anything: Value,
        text: Option<String>,
        number: Option<f64>,
    }

    /// Replaces an object with an array at every place where a struct may stand.
    #[test]
    fn an_array_is_no_object_at_any_depth() {
        let cases = [
            json!([]),
            json!([{}]),
            json!({ "one": [] }),
            json!({ "one": [1, "x"] }),
            json!({ "maybe": [] }),
            json!({ "boxed": [1] }),
            json!({ "wrapped": [1] }),
            json!({ "list": [{}, []] }),
            json!({ "list": [[1, "x"]] }),
            json!({ "map": { "x": [] } }),
            json!({ "map": [] }),
            json!({ "named": { "Fields": [1] } }),
            json!({ "named": { "Holds": [1] } }),
            json!({ "tagged": ["One", 1] }),
            json!({ "tagged": ["Other"] }),
            json!({ "pair": [1, []] }),
        ];
        for case in cases {
            let of_value = from_value::<Outer>(case.clone()).unwrap_err().to_string();
            let of_text = from_str::<Outer>(&case.to_string()).unwrap_err().to_string();
            assert!(of_value.contains("invalid type: sequence"), "{case}: {of_value}");
            assert!(of_text.contains("invalid type: sequence"), "{case}: {of_text}");
        }
        // serde on its own accepts the array.
        assert_eq!(serde_json::from_str::<Outer>("[]").unwrap(), Outer::default());
    }

    #[test]
    fn whatever_else_there_is_is_read_as_serde_reads_it() {
        let cases = [
            json!({}),
            json!({ "one": { "a": 1 }, "maybe": null, "boxed": {}, "wrapped": { "b": "x" }, "list": [{}, { "a": 2 }] }),
            json!({ "map": { "x": {}, "y": { "a": 1, "b": null } }, "pair": [1, {}], "text": "t", "number": 1.5 }),
            json!({ "named": "Unit" }),
            json!({ "named": { "Pair": [1, 2] } }),
            json!({ "named": { "Fields": { "a": 1 } } }),
            json!({ "named": { "Holds": {} } }),
            json!({ "tagged": { "type": "One", "a": 1 } }),
            json!({ "tagged": { "a": 1, "type": "One" } }),
            json!({ "tagged": { "type": "Other" } }),
            json!({ "anything": [[], { "a": [1, null, true, -1, 1e300, "x"] }] }),
            json!({ "unknown": [] }),
        ];
        for case in cases {
            let expected: Outer = serde_json::from_value(case.clone()).unwrap();
            assert_eq!(from_value::<Outer>(case.clone()).unwrap(), expected, "{case}");
            assert_eq!(from_str::<Outer>(&case.to_string()).unwrap(), expected, "{case}");
        }
        for bad in ["", "{", "{} x", "7", "\"x\"", "null", r#"{"one":7}"#, r#"{"text":7}"#, r#"{"list":{}}"#] {
            assert_eq!(
                from_str::<Outer>(bad).unwrap_err().to_string(),
                serde_json::from_str::<Outer>(bad).unwrap_err().to_string(),
            );
        }
    }

    #[test]
    fn text_that_is_kept_as_it_is_can_be_borrowed() {
        let text = r#"[{"a": 1 }, "x"]"#;
        assert_eq!(from_str::<Vec<&str>>(r#"["a", "b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(from_str::<Value>(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }
}
