//! The fields of a contact that a column can go into.

/// A field of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    FirstName,
    LastName,
    /// What stands before a last name: `van der`.
    LastNamePrefix,
    /// The mother's name, as Spanish and Portuguese names have it.
    SecondLastName,
    Name,
    Email,
    Phone,
    /// The first digits of the number in the column behind it.
    AreaCode,
    Company,
    Address,
    /// The house's number, where it is not in the street.
    HouseNumber,
    /// Flat, floor, suite: what follows the street in an address of two lines.
    AddressLine2,
    City,
    State,
    PostalCode,
    Country,
    Website,
    Timezone,
    Gender,
    Source,
    DateOfBirth,
    Tags,
}

impl Field {
    pub(crate) const ALL: [Field; 22] = [
        Field::FirstName,
        Field::LastName,
        Field::LastNamePrefix,
        Field::SecondLastName,
        Field::Name,
        Field::Email,
        Field::Phone,
        Field::AreaCode,
        Field::Company,
        Field::Address,
        Field::HouseNumber,
        Field::AddressLine2,
        Field::City,
        Field::State,
        Field::PostalCode,
        Field::Country,
        Field::Website,
        Field::Timezone,
        Field::Gender,
        Field::Source,
        Field::DateOfBirth,
        Field::Tags,
    ];

    /// The field's name in GHL's API, which is also how a payload's check names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Field::FirstName => "firstName",
            Field::LastName => "lastName",
            Field::LastNamePrefix => "lastNamePrefix",
            Field::SecondLastName => "secondLastName",
            Field::Name => "name",
            Field::Email => "email",
            Field::Phone => "phone",
            Field::AreaCode => "areaCode",
            Field::Company => "companyName",
            Field::Address => "address1",
            Field::HouseNumber => "houseNumber",
            Field::AddressLine2 => "address2",
            Field::City => "city",
            Field::State => "state",
            Field::PostalCode => "postalCode",
            Field::Country => "country",
            Field::Website => "website",
            Field::Timezone => "timezone",
            Field::Gender => "gender",
            Field::Source => "source",
            Field::DateOfBirth => "dateOfBirth",
            Field::Tags => "tags",
        }
    }

    /// Whether it can be all that is known of a contact.
    pub(crate) fn says_who(self) -> bool {
        use Field::{Company, Email, FirstName, LastName, Name, Phone};
        matches!(self, Email | Phone | Name | FirstName | LastName | Company)
    }

    /// Whether it is part of an address, whose parts belong together.
    pub(crate) fn is_of_address(self) -> bool {
        use Field::{Address, AddressLine2, City, Country, HouseNumber, PostalCode, State};
        matches!(self, Address | HouseNumber | AddressLine2 | City | State | PostalCode | Country)
    }

    /// Whether all of its filled columns go into the contact, and not the first one only.
    pub(crate) fn is_joined(self) -> bool {
        matches!(self, Field::Tags | Field::HouseNumber | Field::AddressLine2)
    }
}
