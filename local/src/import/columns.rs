//! Which column holds which field.

use std::collections::HashSet;

use super::table::Row;
use super::{Effect, ImportError, Problem};

const MAX_NAME_BYTES: usize = 256;

/// A field of a contact that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    FirstName,
    LastName,
    Name,
    Email,
    Phone,
    Company,
    Address,
    City,
    State,
    PostalCode,
    Country,
    Website,
    Timezone,
    Gender,
    Source,
    DateOfBirth,
    Dnd,
    Tags,
}

/// The names that a field's column goes by, in lower case and with nothing but letters and digits: HighLevel's own,
/// then those of other CRMs, address books and mailing lists.
const ALIASES: &[(Field, &[&str])] = &[
    (Field::FirstName, &["firstname", "first", "fname", "givenname", "forename"]),
    (Field::LastName, &["lastname", "last", "lname", "surname", "familyname"]),
    (Field::Name, &["name", "fullname", "contactname", "displayname"]),
    (Field::Email, &["email", "emailaddress", "mail", "email1", "email1value", "primaryemail", "workemail"]),
    (
        Field::Phone,
        &[
            "phone",
            "phonenumber",
            "phone1",
            "phone1value",
            "primaryphone",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cell",
            "cellphone",
            "tel",
            "telephone",
            "telephonenumber",
            "workphone",
            "businessphone",
            "homephone",
        ],
    ),
    (
        Field::Company,
        &[
            "companybusinessname",
            "businessname",
            "companyname",
            "company",
            "business",
            "organisation",
            "organization",
            "organisationname",
            "organizationname",
            "organization1name",
            "account",
            "accountname",
        ],
    ),
    (
        Field::Address,
        &[
            "addressstreetaddress",
            "streetaddress",
            "address",
            "address1",
            "addressline1",
            "street",
            "street1",
            "mailingstreet",
            "businessstreet",
        ],
    ),
    (Field::City, &["city", "town", "citytown", "mailingcity", "businesscity"]),
    (Field::State, &["state", "province", "stateprovince", "stateregion", "region", "mailingstate", "businessstate"]),
    (
        Field::PostalCode,
        &["postalcode", "zip", "zipcode", "postcode", "zippostalcode", "postalzipcode", "mailingzippostalcode"],
    ),
    (Field::Country, &["country", "countrycode", "countryregion", "mailingcountry"]),
    (Field::Website, &["website", "websiteurl", "web", "webpage", "url", "homepage", "site"]),
    (Field::Timezone, &["timezone", "tz"]),
    (Field::Gender, &["gender", "sex"]),
    (Field::Source, &["source", "contactsource", "leadsource", "originalsource"]),
    (Field::DateOfBirth, &["dateofbirth", "dob", "birthday", "birthdate"]),
    (Field::Dnd, &["dnd", "dndallchannels", "donotdisturb", "donotcontact"]),
    (Field::Tags, &["tags", "tag", "labels", "label"]),
];

impl Field {
    /// The field's name in GHL's API, which is also how a payload's check names it.
    fn as_str(self) -> &'static str {
        match self {
            Field::FirstName => "firstName",
            Field::LastName => "lastName",
            Field::Name => "name",
            Field::Email => "email",
            Field::Phone => "phone",
            Field::Company => "companyName",
            Field::Address => "address1",
            Field::City => "city",
            Field::State => "state",
            Field::PostalCode => "postalCode",
            Field::Country => "country",
            Field::Website => "website",
            Field::Timezone => "timezone",
            Field::Gender => "gender",
            Field::Source => "source",
            Field::DateOfBirth => "dateOfBirth",
            Field::Dnd => "dnd",
            Field::Tags => "tags",
        }
    }

    /// Whether it can be all that is known of a contact.
    fn says_who(self) -> bool {
        use Field::{Company, Email, FirstName, LastName, Name, Phone};
        matches!(self, Email | Phone | Name | FirstName | LastName | Company)
    }

    fn of_column(key: &str) -> Option<Field> {
        ALIASES.iter().find(|(_, aliases)| aliases.contains(&key)).map(|(field, _)| *field)
    }
}

/// A column that goes into the contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedColumn {
    /// Its name in the file.
    pub column: String,
    /// The field of GHL's API that it goes into.
    pub field: &'static str,
}

/// The columns of a file.
#[derive(Default)]
pub(super) struct Columns {
    /// Of all columns, in the order of the file.
    names: Vec<String>,
    /// The mapped ones, with their index.
    mapped: Vec<(Field, usize)>,
}

impl Columns {
    /// Maps the columns that a header names. Of several for the same field the first is taken.
    pub(super) fn of_header(header: &Row) -> Result<(Self, Vec<Problem>), ImportError> {
        if header.cells.iter().any(looks_like_data) {
            return Err(ImportError::NoHeader);
        }
        if let Some(index) = header.cells.iter().position(|name| name.len() > MAX_NAME_BYTES) {
            return Err(ImportError::HeaderTooLong { column: index + 1, max_bytes: MAX_NAME_BYTES });
        }

        let mut columns = Columns::default();
        let mut problems = Vec::new();
        let mut keys = HashSet::new();
        for (index, name) in header.cells.iter().enumerate() {
            let (name, key) = (shown(name, index), key(name));
            if let Some(field) = Field::of_column(&key).filter(|field| columns.index_of(*field).is_none()) {
                columns.mapped.push((field, index));
            }
            if !key.is_empty() && !keys.insert(key) {
                let (row, message) = (header.number, "is the name of more than one column".to_owned());
                problems.push(Problem { row, column: Some(name.clone()), message, effect: Effect::ColumnLeftOut });
            }
            columns.names.push(name);
        }
        if !columns.mapped.iter().any(|(field, _)| field.says_who()) {
            return Err(ImportError::NoUsableColumn { columns: columns.names });
        }
        Ok((columns, problems))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// The column of a field, counted from 0.
    pub(super) fn index_of(&self, field: Field) -> Option<usize> {
        self.mapped.iter().find(|(mapped, _)| *mapped == field).map(|(_, index)| *index)
    }

    /// The name of a column, counted from 0.
    pub(super) fn name_at(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }

    /// The name of the column that goes into this field of GHL's API.
    pub(super) fn name_of(&self, api_field: &str) -> Option<&str> {
        self.mapped.iter().find(|(field, _)| field.as_str() == api_field).and_then(|(_, index)| self.name_at(*index))
    }

    /// The mapped and the unmapped ones.
    pub(super) fn into_lists(self) -> (Vec<MappedColumn>, Vec<String>) {
        let (mut mapped, mut unmapped) = (Vec::new(), Vec::new());
        for (index, column) in self.names.into_iter().enumerate() {
            match self.mapped.iter().find(|(_, mapped)| *mapped == index) {
                Some((field, _)) => mapped.push(MappedColumn { column, field: field.as_str() }),
                None => unmapped.push(column),
            }
        }
        (mapped, unmapped)
    }
}

/// An e-mail address or a phone number does not name a column: it is the first contact of a file without a header.
fn looks_like_data(name: &str) -> bool {
    name.contains('@') || name.bytes().filter(u8::is_ascii_digit).count() >= 7
}

/// The name on one line and without control characters; an unnamed column goes by its number.
fn shown(name: &str, index: usize) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join(" ");
    if name.is_empty() { format!("(column {}, unnamed)", index + 1) } else { name }
}

fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use csv::StringRecord;

    use super::*;

    fn columns(names: &[&str]) -> Result<(Columns, Vec<Problem>), ImportError> {
        Columns::of_header(&Row { number: 1, cells: StringRecord::from(names) })
    }

    #[test]
    fn columns_are_known_by_their_common_names_however_they_are_written() {
        let cases = [
            ("First Name", "firstName"),
            ("first_name", "firstName"),
            ("FNAME", "firstName"),
            ("Surname", "lastName"),
            ("full-name", "name"),
            ("E-Mail", "email"),
            ("Email Address", "email"),
            ("phone1", "phone"),
            ("Cell", "phone"),
            ("Company/Business Name", "companyName"),
            ("Organisation", "companyName"),
            ("Street Address", "address1"),
            ("Address/Street Address", "address1"),
            ("Zip", "postalCode"),
            ("Post Code", "postalCode"),
            ("State/Province", "state"),
            ("Web", "website"),
            ("Lead Source", "source"),
            ("D.O.B.", "dateOfBirth"),
            ("Time Zone", "timezone"),
            ("Do Not Disturb", "dnd"),
            ("Labels", "tags"),
        ];
        for (column, field) in cases {
            let (columns, problems) = columns(&[column, "company name", "company"]).unwrap();
            assert_eq!(columns.into_lists().0[0], MappedColumn { column: column.to_owned(), field });
            assert_eq!(problems, []);
        }
    }

    #[test]
    fn no_alias_stands_for_two_fields() {
        let mut aliases: Vec<_> = ALIASES.iter().flat_map(|(_, aliases)| *aliases).collect();
        assert!(aliases.iter().all(|alias| key(alias) == **alias));
        let count = aliases.len();
        aliases.sort_unstable();
        aliases.dedup();
        assert_eq!(aliases.len(), count);
    }

    #[test]
    fn a_second_column_of_a_field_is_listed_as_unmapped() {
        let (columns, problems) = columns(&["Mobile", "Email", "phone", "", "Notes\n(ours)"]).unwrap();
        assert_eq!(columns.name_of("phone"), Some("Mobile"));
        assert_eq!(columns.into_lists().1, ["phone", "(column 4, unnamed)", "Notes (ours)"]);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_name_that_two_columns_have_is_a_problem() {
        let (columns, problems) = columns(&["E-mail", "Name", "email", "", ""]).unwrap();
        assert_eq!(columns.index_of(Field::Email), Some(0));
        assert_eq!(columns.into_lists().1, ["email", "(column 4, unnamed)", "(column 5, unnamed)"]);
        let [problem] = &*problems else { panic!("{problems:?}") };
        assert_eq!((problem.column.as_deref(), problem.effect), (Some("email"), Effect::ColumnLeftOut));
    }

    #[test]
    fn a_header_that_names_no_contact_is_refused() {
        assert!(matches!(columns(&["James", "jbutt@example.com"]), Err(ImportError::NoHeader)));
        assert!(matches!(columns(&["James", "(504) 621-8927"]), Err(ImportError::NoHeader)));
        assert!(matches!(columns(&["Email", &"x".repeat(300)]), Err(ImportError::HeaderTooLong { column: 2, .. })));
        let Err(ImportError::NoUsableColumn { columns }) = columns(&["City", "Score"]) else { panic!() };
        assert_eq!(columns, ["City", "Score"]);
    }
}
