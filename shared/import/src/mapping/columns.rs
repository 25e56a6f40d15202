//! The columns of a list and their targets.

use std::borrow::Cow;

use super::catalogue::FieldCatalogue;
use super::file::{Mapping, MappingError};
use super::{Alias, Column, Custom, Field, Target, alias};
use crate::consent;
use crate::name::is_same;

/// The columns of a list, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    all: Vec<Column>,
    /// For each field, its columns in order of preference.
    by_field: Vec<(Field, Vec<usize>)>,
    has_several_addresses: bool,
    /// Phone columns, each with the column that tells the kind of its number.
    kinds_of_phones: Vec<(usize, usize)>,
    pub(crate) id: Option<usize>,
}

impl Columns {
    /// Maps the columns of a header.
    pub(crate) fn of_header(
        names: &[String],
        mapping: &Mapping,
        fields: &FieldCatalogue,
    ) -> Result<Columns, MappingError> {
        let shown: Vec<String> = names.iter().enumerate().map(|(index, name)| shown(name, index)).collect();
        check_names(mapping, &shown)?;
        let mut columns = Columns::default();
        for name in shown {
            let (target, is_further) = target(&name, mapping, fields)?;
            if target == Target::Id && columns.id.is_none() {
                columns.id = Some(columns.all.len());
            }
            let group = super::groups::of_column(&name, &target);
            columns.all.push(Column { name, target, group, is_further });
        }
        super::house_number::beside_streets(&mut columns.all);
        super::house_number::before_phones(&mut columns.all);
        for field in Field::ALL {
            let mut indexes: Vec<usize> = columns.indexes(|column| column.target == Target::Field(field));
            indexes.sort_by_key(|index| columns.all.get(*index).is_some_and(|column| column.is_further));
            if !indexes.is_empty() {
                columns.by_field.push((field, indexes));
            }
        }
        columns.kinds_of_phones = columns.kinds_of_phones();
        let is_of_address = |column: &Column| matches!(column.target, Target::Field(field) if field.is_of_address());
        let mut groups = columns.all.iter().filter(|column| is_of_address(column)).map(|column| &column.group);
        let first = groups.next().cloned();
        columns.has_several_addresses = groups.any(|group| Some(group) != first.as_ref());
        Ok(columns)
    }

    fn indexes(&self, is_wanted: impl Fn(&Column) -> bool) -> Vec<usize> {
        self.all.iter().enumerate().filter(|(_, column)| is_wanted(column)).map(|(index, _)| index).collect()
    }

    pub(crate) fn all(&self) -> &[Column] {
        &self.all
    }

    /// The columns of a field, in order of preference.
    pub(crate) fn of(&self, field: Field) -> &[usize] {
        self.by_field.iter().find(|(known, _)| *known == field).map_or(&[], |(_, indexes)| indexes)
    }

    /// The fields that have columns, with their columns.
    pub(crate) fn by_field(&self) -> impl Iterator<Item = (Field, &[usize])> {
        self.by_field.iter().map(|(field, indexes)| (*field, indexes.as_slice()))
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.all.get(index).map_or("", |column| &column.name)
    }

    /// The address that a row uses: that of the first filled column.
    pub(crate) fn address_group(&self, is_filled: impl Fn(usize) -> bool) -> Option<&str> {
        use Field::{Address, AddressLine2, City, Country, HouseNumber, PostalCode, State};
        let first = |wanted: &[Field]| {
            self.all.iter().enumerate().find(|(index, column)| {
                matches!(column.target, Target::Field(field) if wanted.contains(&field)) && is_filled(*index)
            })
        };
        let found = first(&[Address, City, PostalCode])
            .or_else(|| first(&[State, Country]))
            .or_else(|| first(&[HouseNumber, AddressLine2]));
        found.map(|(_, column)| column.group.as_str())
    }

    /// The columns for a part of this address. A bare `Country` beside `Business City` belongs to it too.
    pub(crate) fn of_address(&self, field: Field, group: Option<&str>) -> Cow<'_, [usize]> {
        let all = self.of(field);
        let is_of_group = |index: &usize| {
            let own = self.all.get(*index).map(|column| column.group.as_str());
            own == Some("") || own == group
        };
        if all.iter().all(is_of_group) {
            return Cow::Borrowed(all);
        }
        Cow::Owned(all.iter().copied().filter(is_of_group).collect())
    }

    /// The column that tells the kind of this number: `Phone 1 - Type`.
    pub(crate) fn kind_of_phone(&self, phone: usize) -> Option<usize> {
        self.kinds_of_phones.iter().find(|(known, _)| *known == phone).map(|(_, kind)| *kind)
    }

    fn kinds_of_phones(&self) -> Vec<(usize, usize)> {
        let keys: Vec<String> = self.all.iter().map(|column| super::key(&column.name)).collect();
        let kind_of = |phone: &usize| {
            let key = keys.get(*phone)?;
            let bare =
                ["value", "wert", "valeur", "number"].iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key);
            let is_kind = |key: &String| {
                key.strip_prefix(bare).is_some_and(|end| {
                    ["type", "label", "kind", "typ", "beschriftung", "libellé", "tipo"].contains(&end)
                })
            };
            Some((*phone, keys.iter().position(is_kind)?))
        };
        self.of(Field::Phone).iter().filter_map(kind_of).collect()
    }

    /// The area code column before this phone column.
    pub(crate) fn area_code_of(&self, phone: usize) -> Option<usize> {
        let before = phone.checked_sub(1)?;
        (self.all.get(before)?.target == Target::Field(Field::AreaCode)).then_some(before)
    }

    /// Whether the columns describe more than one address.
    pub(crate) fn has_several_addresses(&self) -> bool {
        self.has_several_addresses
    }

    /// Whether any column identifies a contact.
    pub(crate) fn says_who(&self) -> bool {
        self.by_field.iter().any(|(field, _)| field.says_who())
    }
}

fn target(name: &str, mapping: &Mapping, fields: &FieldCatalogue) -> Result<(Target, bool), MappingError> {
    if mapping.is_id(name) {
        return Ok((Target::Id, false));
    }
    if let Some(target) = mapping.target_of(name) {
        return Ok((Target::of_name(name, target, fields)?, false));
    }
    // The extra columns of a reject list do not describe people.
    if crate::report::is_own_name(name) && name != crate::report::DND {
        return Ok((Target::Ignored, false));
    }
    // `Mailing State` is part of an address, not the state of a mailing.
    if let Some(Alias::Field(field)) =
        alias(name).filter(|alias| matches!(alias, Alias::Field(field) if field.is_of_address()))
    {
        return Ok((Target::Field(field), false));
    }
    // The location's own field takes precedence: `contact.level` is no level of contact.
    if let Some(field) = fields.of_key(name)
        && consent::of_column(name).flatten().is_none_or(|consent| consent.is_wish())
        && consent::of_column(field.bare_key()).is_none()
    {
        return Ok((Target::Custom(Box::new(Custom::known(field))), false));
    }
    // Consent takes precedence over the rest: `Email Opt Out` is no e-mail address.
    if consent::of_column(name).is_some() && consent::has_unclear_legend(name) {
        return Ok((Target::Unknown, false));
    }
    if let Some(consent) = consent::of_column(name) {
        return Ok((consent.map_or(Target::NoPlace, Target::Consent), false));
    }
    Ok(match alias(name) {
        Some(Alias::Field(field)) => (Target::Field(field), false),
        Some(Alias::Further(field)) => (Target::Field(field), true),
        other => match fields.of_column(name) {
            Some(field) => (Target::Custom(Box::new(Custom::known(field))), false),
            None if other.is_some() => (Target::NoPlace, false),
            None => (Target::Unknown, false),
        },
    })
}

/// Checks that each name in the mapping is a column of the list.
fn check_names(mapping: &Mapping, columns: &[String]) -> Result<(), MappingError> {
    let named = mapping.columns.keys().chain(&mapping.id_column);
    match named.into_iter().find(|name| !columns.iter().any(|column| is_same(column, name))) {
        Some(name) => Err(MappingError::UnknownColumn { column: name.clone(), columns: columns.to_vec() }),
        None => Ok(()),
    }
}

/// The name on one line, without control and invisible characters; an unnamed column gets its number.
fn shown(name: &str, index: usize) -> String {
    let name = crate::values::text::clean(name);
    let words = name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if name.is_empty() { format!("(column {}, unnamed)", index + 1) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str], mapping: &Mapping) -> Result<Columns, MappingError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Columns::of_header(&names, mapping, &FieldCatalogue::default())
    }

    #[test]
    fn the_callers_word_counts_more_than_a_name() {
        let mut mapping = Mapping::default();
        for text in ["Company=ignore", "First Name=name", "Opt=dnd.email", "Budget=contact.budget", "No=id"] {
            mapping.add(text).unwrap();
        }
        let columns = columns(&["Company", "First Name", "Opt", "Budget", "No", "Foo"], &mapping).unwrap();
        let targets: Vec<&Target> = columns.all().iter().map(|column| &column.target).collect();
        assert_eq!((targets[0], targets[1]), (&Target::Ignored, &Target::Field(Field::Name)));
        assert!(matches!(targets[2], Target::Consent(_)) && matches!(targets[3], Target::Custom(_)));
        assert_eq!((columns.id, targets[5]), (Some(4), &Target::Unknown));
    }

    #[test]
    fn a_mapping_that_names_what_is_not_there_is_refused() {
        let mut mapping = Mapping::default();
        mapping.add("Emial=email").unwrap();
        assert!(columns(&["Email"], &mapping).unwrap_err().to_string().contains("Emial"));
        let mut mapping = Mapping::default();
        mapping.add("Email=emial").unwrap();
        assert!(columns(&["Email"], &mapping).unwrap_err().to_string().contains("emial"));
        assert!(mapping.add("Email").is_err());
        assert!(Mapping::from_json(br#"{"version":2}"#).is_err());
        assert!(Mapping::from_json(br#"{"colums":{}}"#).is_err());
        assert_eq!(Mapping::from_json(b"{}").unwrap(), Mapping::default());
    }

    #[test]
    fn several_columns_of_one_field_are_taken_in_order_with_additional_ones_last() {
        let names =
            ["Additional Emails", "E-mail 2 Address", "Email", "E-mail Address", "Email Opt Out", "Owner Email"];
        let columns = columns(&names, &Mapping::default()).unwrap();
        assert_eq!(columns.of(Field::Email), [2, 3, 0, 1]);
        assert!(matches!(columns.all()[4].target, Target::Consent(_)));
    }

    #[test]
    fn custom_fields_are_found_by_name_key_and_id() {
        let definition = serde_json::json!({
            "id": "cf1", "key": "contact.shoe_size", "name": "Shoe Size", "model": "contact", "data_type": "TEXT"
        });
        let fields = FieldCatalogue::of_location([serde_json::from_value(definition).unwrap()]);
        for target in ["Shoe size", "contact.shoe_size", "{{contact.shoe_size}}", "shoe_size", "cf1"] {
            let found = Target::of_name("x", target, &fields).unwrap();
            assert!(matches!(&found, Target::Custom(custom) if custom.id.as_deref() == Some("cf1")), "{target}");
        }
        assert!(Target::of_name("x", "contact.hat_size", &fields).is_err());
    }
}
