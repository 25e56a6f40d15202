//! Searches page by page for an opportunity that has no GHL id yet, and picks the possible matches.

use std::collections::VecDeque;

use ghl_sync_model::{Call, ContactRef, ContentHash, FoundOpportunity, FoundPage, GhlId, OpportunityKey, PageCursor};

/// Most pages that one record's search reads: 1000 opportunities.
const MAX_PAGES: u32 = 10;

/// The search for one opportunity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct OpportunitySearch {
    /// Places still to search: first those of the record's former contents, last that of the current one.
    places: VecDeque<SearchPlace>,
    /// The last page, with the cursor of the next one.
    page: FoundPage,
    pages: u32,
    /// Opportunities ruled out: they have another name, or belong to another record.
    others: Vec<GhlId>,
    /// Whether the search ended before all pages were read.
    cut_short: bool,
}

/// A contact and a pipeline, with the names that this record has there, the most likely first.
#[derive(Debug, Clone, PartialEq)]
struct SearchPlace {
    at: ContactRef,
    names: Vec<ContentHash>,
}

impl OpportunitySearch {
    /// A search for each of `keys`, in this order.
    pub(super) fn of(keys: impl IntoIterator<Item = (ContactRef, ContentHash)>) -> OpportunitySearch {
        let mut places: VecDeque<SearchPlace> = VecDeque::new();
        for (at, name) in keys {
            match places.iter_mut().find(|place| place.at == at) {
                Some(place) => place.names.push(name),
                None => places.push_back(SearchPlace { at, names: vec![name] }),
            }
        }
        OpportunitySearch { places, ..OpportunitySearch::default() }
    }

    /// Starts over in this place.
    pub(super) fn again(&mut self, at: ContactRef, name: ContentHash) {
        self.places = VecDeque::from([SearchPlace { at, names: vec![name] }]);
        (self.page, self.pages) = (FoundPage::default(), 0);
    }

    /// The call that reads the next page; `None` if there is none.
    pub(super) fn next(&self) -> Option<Call> {
        self.places.front().map(|place| Call::FindOpportunities(place.at.clone()))
    }

    /// The contact and the pipeline of each place.
    pub(super) fn places(&self) -> impl Iterator<Item = &ContactRef> {
        self.places.iter().map(|place| &place.at)
    }

    /// Takes a page of results.
    pub(super) fn read(&mut self, page: FoundPage) {
        self.page = page;
        self.pages += 1;
    }

    /// Opportunities on the page that may be this record's, the likeliest first.
    pub(super) fn candidates(&self) -> Vec<GhlId> {
        let names = self.places.front().into_iter().flat_map(|place| &place.names);
        let named = |name: &ContentHash| {
            let of_name = self.page.found.iter().filter(|found| OpportunityKey::hash(&found.name) == *name);
            of_name.map(|found| found.id.clone()).collect::<Vec<_>>()
        };
        names.flat_map(named).collect()
    }

    /// Rules out the page and moves to the next page or place. Returns whether there is one.
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

    /// Whether the search ended before all pages were read, so that finding nothing proves nothing.
    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Whether this opportunity was seen and ruled out.
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

    fn ids(search: &OpportunitySearch) -> Vec<String> {
        search.candidates().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_it_was_called_is_believed_before_what_it_is_called_and_each_place_is_read_once() {
        let key = |contact, name| (place(contact), OpportunityKey::hash(name));
        let mut search = OpportunitySearch::of([key("c1", "Roof"), key("c2", "Roof"), key("c1", "Wall")]);
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
        let mut search = OpportunitySearch::of([(place("c1"), OpportunityKey::hash("Roof"))]);
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
