//! The fields of a contact that a column can go into.

/// Declares the fields with their names, so that none can be missing from a list.
macro_rules! fields {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// A field of a contact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Field {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Field {
            pub(crate) const ALL: [Field; [$($name),*].len()] = [$(Field::$variant),*];

            /// The field's name in GHL's API, which is also how a payload's check names it.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Field::$variant => $name,)*
                }
            }
        }
    };
}

fields! {
    FirstName = "firstName",
    LastName = "lastName",
    /// What stands before a last name: `van der`.
    LastNamePrefix = "lastNamePrefix",
    /// The mother's name, as Spanish and Portuguese names have it.
    SecondLastName = "secondLastName",
    Name = "name",
    Email = "email",
    Phone = "phone",
    /// The first digits of the number in the column behind it.
    AreaCode = "areaCode",
    Company = "companyName",
    Address = "address1",
    /// The house's number, where it is not in the street.
    HouseNumber = "houseNumber",
    /// Flat, floor, suite: what follows the street in an address of two lines.
    AddressLine2 = "address2",
    City = "city",
    State = "state",
    PostalCode = "postalCode",
    Country = "country",
    Website = "website",
    Timezone = "timezone",
    Gender = "gender",
    Source = "source",
    DateOfBirth = "dateOfBirth",
    Tags = "tags",
}

impl Field {
    /// Whether a cell goes into it as it stands, whatever else the row says.
    pub(crate) fn is_taken_as_it_stands(self) -> bool {
        matches!(self, Field::Company | Field::Website | Field::Gender | Field::Source)
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
