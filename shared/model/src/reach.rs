//! The locations that a key or a person is limited to.

use std::collections::BTreeSet;

use crate::LocationId;

/// The locations that a restricted caller may use: the listed ones, and those that currently have one of the tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Locations, whatever their tags.
    pub locations: BTreeSet<LocationId>,
    /// Tags, compared without case.
    pub tags: BTreeSet<String>,
}

impl Reach {
    /// Whether `location` is listed, whatever its tags.
    #[must_use]
    pub fn names(&self, location: &LocationId) -> bool {
        self.locations.contains(location)
    }

    /// Whether a location with these tags is included because of one of them.
    #[must_use]
    pub fn has_one_of(&self, tags: &[String]) -> bool {
        let lower = |tag: &String| tag.to_lowercase();
        !self.tags.is_empty() && tags.iter().any(|tag| self.tags.iter().map(lower).any(|own| own == lower(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_same_in_any_case_and_no_part_of_it_is() {
        let tags = |all: &[&str]| all.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let reach = Reach { tags: tags(&["Dental", "KÖLN 2"]).into_iter().collect(), ..Reach::default() };
        for (has, expected) in [
            (&["dental"][..], true),
            (&["x", "köln 2"], true),
            (&["dent"], false),
            (&["dental "], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(reach.has_one_of(&tags(has)), expected, "{has:?}");
        }
        assert!(!Reach::default().has_one_of(&tags(&["dental"])), "no tag is not all of them");
    }
}
