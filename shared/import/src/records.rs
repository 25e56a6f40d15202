//! The second pass: rows become records, or are told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::consent::Channels;
use crate::contact::{self, ImportedContact};
use crate::draft::Draft;
use crate::identity::{self, Keys, KnownIds};
use crate::mapping::Field;
use crate::parts::Parts;
use crate::plan::Plan;
use crate::row::{LeftOut, RowReader};
use crate::table::{self, NotAPerson, Row, Rows};
use crate::{HiddenRows, ImportError, Problem, SamePerson, Source};

/// What became of a row. Blank rows are nothing at all, and only counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A contact.
    Record(Box<ImportedContact>),
    /// A row that is left out until it is corrected.
    HeldBack(HeldBack),
    /// A row that is no person: a total, the header again.
    NotAPerson(HeldBack),
}

/// A row that is not among the contacts, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The row's cells as they stand in the list.
    pub cells: Vec<String>,
    /// Why it is left out.
    pub problem: Problem,
    /// What `_dnd` of a list of rejects says of it: [`UNDECIDED`] where only a heading, a title or other rows tell whether the
    /// person may be contacted, channels that other rows of the person close, or nothing.
    pub dnd: String,
}

/// What `_dnd` says of a row of which somebody has to say whether the person must not be contacted.
pub const UNDECIDED: &str = "?";

/// How many rows became what. `rows` is the sum of the others but `blank` and `contacts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows with something in them.
    pub rows: u64,
    /// Rows that are in a contact.
    pub accepted: u64,
    /// Rows that are left out.
    pub held_back: u64,
    /// Rows that are no people.
    pub not_people: u64,
    /// Contacts; fewer than `accepted` where rows were merged.
    pub contacts: u64,
    /// Rows with nothing in them.
    pub blank: u64,
}

/// The records of a list, as a stream. It keeps hashes of each contact, and no rows but those that wait to be merged.
#[derive(Debug)]
pub struct Records<'a> {
    plan: &'a Plan,
    rows: Rows<'a>,
    /// Outcomes that are ready.
    ready: VecDeque<Outcome>,
    /// The row that a repeated key belongs to.
    owners: HashMap<u64, u64>,
    /// Contacts that wait for the other rows of the same person, by their first rows.
    waiting: BTreeMap<u64, Waiting>,
    /// Which contacts wait for a key.
    waiting_for: HashMap<u64, BTreeSet<u64>>,
    /// Hashes of the ids of contacts that have no key, or may have got their id from an earlier import.
    ids: HashSet<u64>,
    learned: KnownIds,
    parts: Parts,
    tally: Tally,
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    draft: Draft,
    /// Rows with each of its keys that are still to come.
    left: HashMap<u64, u32>,
}

impl Plan {
    /// The second pass: the records, and the rows that are none.
    ///
    /// # Errors
    /// [`ImportError::Open`] while a question is open, [`ImportError::Read`] if the source cannot be read again.
    pub fn records<'a>(&'a self, source: &'a dyn Source) -> Result<Records<'a>, ImportError> {
        if !self.questions().is_empty() {
            return Err(ImportError::Open { questions: self.questions().to_vec() });
        }
        Records::new(self, self.layout.rows(source)?)
    }
}

impl<'a> Records<'a> {
    fn new(plan: &'a Plan, rows: Rows<'a>) -> Result<Self, ImportError> {
        let mut records = Self {
            plan,
            rows,
            ready: VecDeque::new(),
            owners: HashMap::new(),
            waiting: BTreeMap::new(),
            waiting_for: HashMap::new(),
            ids: HashSet::new(),
            learned: KnownIds::default(),
            parts: Parts::below(plan.layout.refused_by),
            tally: Tally::default(),
            is_over: false,
        };
        for row in &plan.layout.above {
            records.place(row.clone());
        }
        Ok(records)
    }

    /// How many rows became what, so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The ids that the contacts so far have, for a later import.
    #[must_use]
    pub fn learned(&self) -> &KnownIds {
        &self.learned
    }

    /// The ids that all contacts have, for a later import.
    #[must_use]
    pub fn into_learned(self) -> KnownIds {
        self.learned
    }

    fn place(&mut self, row: Row) {
        if row.fault.is_none() && row.is_blank() {
            self.tally.blank += 1;
            return;
        }
        self.tally.rows += 1;
        let reader = RowReader { columns: &self.plan.columns, options: &self.plan.options, proofs: &self.plan.proofs };
        if let Some(fault) = row.fault {
            // What it says of consent may stand in another column than where it belongs.
            let is_open = reader.may_refuse(&row);
            let dnd = if is_open { UNDECIDED } else { "" };
            return self.hold_back(row.cells, Problem::row(row.number, fault.message()), dnd.to_owned());
        }
        let is_left_out = row.is_hidden && self.plan.options.hidden_rows == Some(HiddenRows::LeaveOut);
        let what = is_left_out.then_some(NotAPerson::Hidden);
        if let Some(what) = what.or_else(|| table::not_a_person(&row, &self.plan.layout.columns)) {
            self.tally.not_people += 1;
            let problem = Problem { effect: crate::Effect::Note, ..Problem::row(row.number, what.message()) };
            return self.ready.push_back(Outcome::NotAPerson(HeldBack {
                cells: row.cells,
                problem,
                dnd: String::new(),
            }));
        }
        if let Some(above) = self.parts.above(&row, &self.plan.columns) {
            let draft = reader.read(&row);
            // Whoever refuses all by their own row may be imported as such.
            let is_closed = draft.as_ref().is_ok_and(|draft| draft.closed.has(Channels::ALL));
            match draft {
                Err(left_out) if above.is(row.number) => {
                    return self.leave_out(row, left_out, Keys::default());
                }
                Ok(_) if is_closed && !above.is(row.number) => {}
                _ => {
                    let dnd = if above.is(row.number) { "" } else { UNDECIDED };
                    let problem = Problem::row(row.number, above.message(row.number));
                    return self.hold_back(row.cells, problem, dnd.to_owned());
                }
            }
        }
        if let Some(broken) = self.plan.broken.get(&row.number) {
            let problem = Problem::row(row.number, broken.message());
            return self.hold_back(row.cells, problem, UNDECIDED.to_owned());
        }
        let is_merging = matches!(self.plan.options.same_person, SamePerson::MergeFirst | SamePerson::MergeLast);
        if is_merging && !self.plan.repeated.is_empty() {
            let keys = reader.keys(&row);
            let repeated: Vec<u64> = keys.all().filter(|key| self.plan.repeated.contains_key(key)).collect();
            if !repeated.is_empty() {
                let draft = reader.read(&row);
                return self.merge(row, keys, &repeated, draft);
            }
        }
        match reader.read(&row) {
            Err(left_out) => {
                let keys = reader.keys(&row);
                self.leave_out(row, left_out, keys);
            }
            Ok(draft) => self.first_come(row, draft),
        }
    }

    /// The first row of a person is imported.
    fn first_come(&mut self, row: Row, mut draft: Draft) {
        let keys = keys(&draft);
        self.close(&mut draft, keys);
        let apart = self.plan.options.same_person == SamePerson::KeepApart;
        let competing =
            [(keys.own, "own id"), (keys.email, "e-mail address"), (keys.phone.filter(|_| !apart), "phone number")];
        for (key, what) in competing {
            let owner = key.and_then(|key| self.owners.get(&key));
            if let Some(owner) = owner {
                let problem = same_person(row.number, what, *owner);
                return self.hold_back(row.cells, problem, draft.closed_by_others.listed());
            }
        }
        let number = row.number;
        if self.emit(draft, row.cells) {
            let repeated = keys.all().filter(|key| self.plan.repeated.contains_key(key));
            for key in repeated {
                self.owners.entry(key).or_insert(number);
            }
        }
    }

    /// Rows of one person become one contact once all of them are there.
    fn merge(&mut self, row: Row, keys: Keys, repeated: &[u64], draft: Result<Draft, LeftOut>) {
        let last_wins = self.plan.options.same_person == SamePerson::MergeLast;
        let at = repeated.iter().filter_map(|key| self.waiting_for.get(key)?.first()).min().copied();
        match draft {
            Err(left_out) => self.leave_out(row, left_out, keys),
            Ok(mut draft) => {
                self.close(&mut draft, keys);
                let left = repeated.iter().filter_map(|key| Some((*key, *self.plan.repeated.get(key)?)));
                match at.and_then(|at| self.waiting.get_mut(&at)) {
                    None => {
                        if draft.cells.is_empty() {
                            draft.cells = row.cells;
                        }
                        let first = draft.row;
                        self.waiting.insert(first, Waiting { draft, left: left.collect() });
                        self.wait_for(repeated, first);
                    }
                    Some(waiting) if is_one_person(&waiting.draft, &draft) => {
                        waiting.draft.merge(draft, last_wins);
                        for (key, rows) in left {
                            waiting.left.entry(key).or_insert(rows);
                        }
                        at.into_iter().for_each(|first| self.wait_for(repeated, first));
                    }
                    Some(waiting) => {
                        let owner = waiting.draft.row;
                        let what = "phone number or own id, but not the e-mail address,";
                        let dnd = draft.closed_by_others.listed();
                        self.hold_back(row.cells, same_person(row.number, what, owner), dnd);
                    }
                }
            }
        }
        self.came(repeated);
    }

    fn wait_for(&mut self, keys: &[u64], first: u64) {
        for key in keys {
            self.waiting_for.entry(*key).or_default().insert(first);
        }
    }

    /// A row with these keys has come: whoever waits for no other is ready.
    fn came(&mut self, keys: &[u64]) {
        let mut touched: BTreeSet<u64> = BTreeSet::new();
        for key in keys {
            for first in self.waiting_for.get(key).into_iter().flatten() {
                touched.insert(*first);
                let left = self.waiting.get_mut(first).and_then(|waiting| waiting.left.get_mut(key));
                left.into_iter().for_each(|left| *left = left.saturating_sub(1));
            }
        }
        for first in touched {
            if self.waiting.get(&first).is_some_and(|waiting| waiting.left.values().all(|left| *left == 0)) {
                self.merged(first);
            }
        }
    }

    /// All rows of a contact have come.
    fn merged(&mut self, first: u64) {
        let Some(Waiting { mut draft, left }) = self.waiting.remove(&first) else { return };
        for key in left.keys() {
            if let Some(others) = self.waiting_for.get_mut(key) {
                others.remove(&first);
                if others.is_empty() {
                    self.waiting_for.remove(key);
                }
            }
        }
        let cells = std::mem::take(&mut draft.cells);
        self.emit(draft, cells);
    }

    /// What any row of the person has refused holds for all of them.
    fn close(&self, draft: &mut Draft, keys: Keys) {
        for key in keys.all() {
            if let Some(closed) = self.plan.closed.get(&key) {
                draft.closed = draft.closed.and(*closed);
                draft.closed_by_others = draft.closed_by_others.and(*closed);
            }
        }
    }

    /// Makes a record of a draft. False if the check refuses it.
    fn emit(&mut self, draft: Draft, cells: Vec<String>) -> bool {
        let keys = keys_by(identity::keys, &draft);
        let row = draft.row;
        let count = draft.rows.len() as u64;
        let (mapping, known) = (&self.plan.options.mapping, &self.plan.options.known);
        let made = contact::of_draft(Draft { cells, ..draft }, keys, mapping, known);
        let mut imported = match made {
            Ok(imported) => imported,
            Err(refused) => {
                let (problem, cells) = *refused;
                self.tally.held_back += count.saturating_sub(1);
                self.hold_back(cells, problem, String::new());
                return false;
            }
        };
        let may_repeat = keys.all().next().is_none() || !self.plan.options.known.is_empty();
        let id = if may_repeat { identity::hash_of_id(imported.id.as_str()) } else { None };
        if id.is_some_and(|id| !self.ids.insert(id)) {
            self.hold_back(
                imported.cells,
                Problem::row(
                    row,
                    "says the same as an earlier row, word for word, or is the same contact by an earlier import",
                ),
                imported.dnd,
            );
            return false;
        }
        let is_apart = self.plan.options.same_person == SamePerson::KeepApart;
        if !is_apart && known.has_phone_of_another(keys, identity::hash_of_id(imported.id.as_str())) {
            imported.problems.push(contact::shared_phone(row));
        }
        if imported.problems.is_empty() {
            self.rows.recycle(std::mem::take(&mut imported.cells));
        }
        self.tally.accepted += count;
        self.tally.contacts += 1;
        contact::learn(&mut self.learned, keys, &imported);
        self.ready.push_back(Outcome::Record(Box::new(imported)));
        true
    }

    /// Leaves out a row with these keys.
    fn leave_out(&mut self, row: Row, left_out: LeftOut, keys: Keys) {
        let closed =
            keys.all().filter_map(|key| self.plan.closed.get(&key).copied()).fold(Channels::NONE, Channels::and);
        let dnd = if left_out.is_by_others { UNDECIDED.to_owned() } else { closed.listed() };
        self.hold_back(row.cells, left_out.problem, dnd);
    }

    fn hold_back(&mut self, cells: Vec<String>, problem: Problem, dnd: String) {
        self.tally.held_back += 1;
        self.ready.push_back(Outcome::HeldBack(HeldBack { cells, problem, dnd }));
    }

    fn advance(&mut self) -> Result<(), ImportError> {
        match self.rows.next()? {
            Some(row) => self.place(row),
            None => {
                self.is_over = true;
                while let Some(first) = self.waiting.keys().next().copied() {
                    self.merged(first);
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Outcome, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(outcome) = self.ready.pop_front() {
                return Some(Ok(outcome));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.advance() {
                self.is_over = true;
                return Some(Err(error));
            }
        }
    }
}

fn keys(draft: &Draft) -> Keys {
    keys_by(identity::keys_in_list, draft)
}

fn keys_by(keys: fn(Option<&str>, Option<&str>, Option<&str>) -> Keys, draft: &Draft) -> Keys {
    keys(draft.own_id.as_deref(), draft.field(Field::Email), draft.field(Field::Phone))
}

fn is_one_person(a: &Draft, b: &Draft) -> bool {
    let differ = |a: Option<&str>, b: Option<&str>| a.zip(b).is_some_and(|(a, b)| !a.eq_ignore_ascii_case(b));
    !differ(a.field(Field::Email), b.field(Field::Email)) && !differ(a.own_id.as_deref(), b.own_id.as_deref())
}

fn same_person(row: u64, what: &str, owner: u64) -> Problem {
    let message = format!(
        "has the {what} of row {owner}: GoHighLevel would make them one contact. Say --same-person merge-first, merge-last or \
         keep-apart, or correct the row"
    );
    Problem::row(row, message)
}
