//! The fields of a contact that a column can go into.

/// Declares the fields with their names, so that no list of them can miss one.
macro_rules! fields {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// A field of a contact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Field {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Field {
            pub(crate) const ALL: [Field; [$($name),*].len()] = [$(Field::$variant),*];

            /// The field's name in GHL's API and in errors of the payload check.
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
    /// Comes before the last name: `van der`.
    LastNamePrefix = "lastNamePrefix",
    /// The mother's name in Spanish and Portuguese names.
    SecondLastName = "secondLastName",
    Name = "name",
    Email = "email",
    Phone = "phone",
    /// First digits of the number in the next column.
    AreaCode = "areaCode",
    Company = "companyName",
    Address = "address1",
    /// The house number, if it is not part of the street.
    HouseNumber = "houseNumber",
    /// Flat, floor, suite: the second line of an address.
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
    /// Whether a cell is used unchanged, whatever else the row says.
    pub(crate) fn is_taken_as_it_stands(self) -> bool {
        matches!(self, Field::Company | Field::Website | Field::Gender | Field::Source)
    }

    /// Whether it alone can identify a contact.
    pub(crate) fn says_who(self) -> bool {
        use Field::{Company, Email, FirstName, LastName, Name, Phone};
        matches!(self, Email | Phone | Name | FirstName | LastName | Company)
    }

    /// Whether it is part of an address. The parts of one belong together.
    pub(crate) fn is_of_address(self) -> bool {
        use Field::{Address, AddressLine2, City, Country, HouseNumber, PostalCode, State};
        matches!(self, Address | HouseNumber | AddressLine2 | City | State | PostalCode | Country)
    }

    /// Whether all of its filled columns are joined, rather than the first used.
    pub(crate) fn is_joined(self) -> bool {
        matches!(self, Field::Tags | Field::HouseNumber | Field::AddressLine2)
    }
}
