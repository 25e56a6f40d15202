//! Looking for an opportunity that has no GHL id yet: where, page by page, and which of those that are found may be it.

use std::collections::VecDeque;

use ghl_sync_model::{Call, ContactRef, ContentHash, DealKey, FoundOpportunity, FoundPage, GhlId, PageCursor};

/// Pages that one record's search reads, at most: 1000 opportunities.
const MAX_PAGES: u32 = 10;

/// A search for one opportunity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DealSearch {
    /// Where it is looked for next: first under what it was called when it may have been created, last under what it is
    /// called now.
    places: VecDeque<Place>,
    /// What the last page showed, and where the next one begins.
    page: FoundPage,
    pages: u32,
    /// Opportunities that are not this one: of another name, or another record's.
    others: Vec<GhlId>,
    /// It ended before all pages were read.
    cut_short: bool,
}

/// A contact and a pipeline, and the names that are this record's there, in the order in which they are believed.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    at: ContactRef,
    names: Vec<ContentHash>,
}

impl DealSearch {
    /// A search under each of `keys`, in this order.
    pub(super) fn of(keys: impl IntoIterator<Item = (ContactRef, ContentHash)>) -> DealSearch {
        let mut places: VecDeque<Place> = VecDeque::new();
        for (at, name) in keys {
            match places.iter_mut().find(|place| place.at == at) {
                Some(place) => place.names.push(name),
                None => places.push_back(Place { at, names: vec![name] }),
            }
        }
        DealSearch { places, ..DealSearch::default() }
    }

    /// Looks in this place, too, after all others.
    pub(super) fn again(&mut self, at: ContactRef, name: ContentHash) {
        self.places = VecDeque::from([Place { at, names: vec![name] }]);
        (self.page, self.pages) = (FoundPage::default(), 0);
    }

    /// The next page to read; `None` when there is none.
    pub(super) fn next(&self) -> Option<Call> {
        self.places.front().map(|place| Call::FindOpportunities(place.at.clone()))
    }

    /// The contact and the pipeline of each place.
    pub(super) fn places(&self) -> impl Iterator<Item = &ContactRef> {
        self.places.iter().map(|place| &place.at)
    }

    /// Takes a page.
    pub(super) fn read(&mut self, page: FoundPage) {
        self.page = page;
        self.pages += 1;
    }

    /// Those of the page that may be this record's, the likeliest first.
    pub(super) fn candidates(&self) -> Vec<GhlId> {
        let names = self.places.front().into_iter().flat_map(|place| &place.names);
        let named = |name: &ContentHash| {
            let of_name = self.page.found.iter().filter(|found| DealKey::hash(&found.name) == *name);
            of_name.map(|found| found.id.clone()).collect::<Vec<_>>()
        };
        names.flat_map(named).collect()
    }

    /// None of the page is it: to the next page, or the next place. Returns whether there is one.
    pub(super) fn turn(&mut self) -> bool {
        let page = std::mem::take(&mut self.page);
        self.others.extend(page.found.into_iter().map(|FoundOpportunity { id, .. }| id));
        self.cut_short = page.next.is_some() && self.pages >= MAX_PAGES;
        if self.cut_short {
            self.places.clear();
        }
        match (self.places.front_mut(), page.next) {
            (Some(place), after @ Some(PageCursor(_))) => place.at.after = after,
            _ => {
                self.places.pop_front();
            }
        }
        !self.places.is_empty()
    }

    /// Whether it ended before all pages were read: that it found nothing says nothing.
    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Whether this opportunity was seen, and is not this record's.
    pub(super) fn has_ruled_out(&self, id: &GhlId) -> bool {
        self.others.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(contact: &str) -> ContactRef {
        let [contact_id, pipeline_id] = [contact, "p1"].map(|id| GhlId::new(id).unwrap());
        ContactRef { contact_id, pipeline_id, after: None }
    }

    fn page(found: &[(&str, &str)], next: Option<&str>) -> FoundPage {
        let one = |(id, name): &(&str, &str)| FoundOpportunity { id: id.parse().unwrap(), name: (*name).to_owned() };
        FoundPage { found: found.iter().map(one).collect(), next: next.map(|cursor| PageCursor(cursor.to_owned())) }
    }

    fn ids(search: &DealSearch) -> Vec<String> {
        search.candidates().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_it_was_called_is_believed_before_what_it_is_called_and_each_place_is_read_once() {
        let key = |contact, name| (place(contact), DealKey::hash(name));
        let mut search = DealSearch::of([key("c1", "Roof"), key("c2", "Roof"), key("c1", "Wall")]);
        assert_eq!(search.next(), Some(Call::FindOpportunities(place("c1"))));
        search.read(page(&[("o1", "Wall"), ("o2", "Roof"), ("o3", "Door"), ("o4", "Roof")], None));
        assert_eq!(ids(&search), ["o2", "o4", "o1"]);
        assert!(search.turn());
        assert_eq!(search.next(), Some(Call::FindOpportunities(place("c2"))));
        search.read(page(&[("o5", "Wall")], None));
        assert_eq!(ids(&search), [""; 0]);
        assert!(!search.turn() && search.next().is_none() && !search.is_cut_short());
        assert!(["o1", "o5"].iter().all(|id| search.has_ruled_out(&id.parse().unwrap())));
        assert!(!search.has_ruled_out(&"o9".parse().unwrap()));
    }

    #[test]
    fn a_full_page_is_followed_by_the_next_but_not_for_ever() {
        let mut search = DealSearch::of([(place("c1"), DealKey::hash("Roof"))]);
        let mut pages = 0;
        while let Some(Call::FindOpportunities(of)) = search.next() {
            assert_eq!(of.after.is_some(), pages > 0);
            pages += 1;
            search.read(page(&[("o1", "Wall")], Some("next")));
            search.turn();
        }
        assert_eq!((pages, search.is_cut_short()), (MAX_PAGES, true));
    }
}
