//! The second pass: turns rows into records, or reports why not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::consent::Channels;
use crate::contact::{self, ImportedContact};
use crate::draft::Draft;
use crate::identity::{self, Keys, KnownIds};
use crate::mapping::Field;
use crate::parts::Parts;
use crate::plan::ImportPlan;
use crate::row::{LeftOut, RowReader};
use crate::table::{self, NotAPerson, Row, Rows};
use crate::{ByteSource, FileImportError, HiddenRows, ListProblem, SamePerson};

/// The outcome of a row. Blank rows have none; they are only counted.
#[derive(Debug, Clone, PartialEq)]
pub enum RowOutcome {
    /// A contact.
    Record(Box<ImportedContact>),
    /// A row that is left out until it is corrected.
    HeldBack(HeldBack),
    /// A row that is not a person: a total, a repeated header.
    NotAPerson(HeldBack),
}

/// A row that did not become a contact, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The row's cells as in the list.
    pub cells: Vec<String>,
    /// Why it was left out.
    pub problem: ListProblem,
    /// The row's `_dnd` in a reject list: [`UNDECIDED`] if only a heading, a title or other rows tell whether the
    /// person may be contacted, the channels that other rows of the person close, or empty.
    pub dnd: String,
}

/// Value of `_dnd` if somebody must decide whether the person may be contacted.
pub const UNDECIDED: &str = "?";

/// Number of rows by outcome. `rows` is the sum of the others except `blank` and `contacts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowTally {
    /// Rows with content.
    pub rows: u64,
    /// Rows that became part of a contact.
    pub accepted: u64,
    /// Rows left out.
    pub held_back: u64,
    /// Rows that are not people.
    pub not_people: u64,
    /// Contacts; fewer than `accepted` if rows were merged.
    pub contacts: u64,
    /// Empty rows.
    pub blank: u64,
}

/// Streams the records of a list. It keeps hashes of each contact, but only those rows that wait to be merged.
#[derive(Debug)]
pub struct RecordStream<'a> {
    plan: &'a ImportPlan,
    rows: Rows<'a>,
    /// Outcomes ready to return.
    ready: VecDeque<RowOutcome>,
    /// The row that owns each repeated key.
    owners: HashMap<u64, u64>,
    /// Contacts waiting for other rows of the same person, by their first row.
    waiting: BTreeMap<u64, Waiting>,
    /// First rows of the contacts waiting for each key.
    waiting_for: HashMap<u64, BTreeSet<u64>>,
    /// Id hashes of contacts without a key, or with an id possibly from an earlier import.
    ids: HashSet<u64>,
    learned: KnownIds,
    parts: Parts,
    tally: RowTally,
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    draft: Draft,
    /// Number of rows still to come for each of its keys.
    left: HashMap<u64, u32>,
}

impl ImportPlan {
    /// Starts the second pass: the records, and the rows left out.
    ///
    /// # Errors
    /// [`FileImportError::Open`] while a question is open, [`FileImportError::Read`] if the source cannot be read
    /// again.
    pub fn records<'a>(&'a self, source: &'a dyn ByteSource) -> Result<RecordStream<'a>, FileImportError> {
        if !self.questions().is_empty() {
            return Err(FileImportError::Open { questions: self.questions().to_vec() });
        }
        RecordStream::new(self, self.layout.rows(source)?)
    }
}

impl<'a> RecordStream<'a> {
    fn new(plan: &'a ImportPlan, rows: Rows<'a>) -> Result<Self, FileImportError> {
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
            tally: RowTally::default(),
            is_over: false,
        };
        for row in &plan.layout.above {
            records.place(row.clone());
        }
        Ok(records)
    }

    /// Counts so far.
    #[must_use]
    pub fn tally(&self) -> RowTally {
        self.tally
    }

    /// Ids of the contacts so far, for a later import.
    #[must_use]
    pub fn learned(&self) -> &KnownIds {
        &self.learned
    }

    /// Ids of all contacts, for a later import.
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
            // Its consent may be in the wrong column.
            let is_open = reader.may_refuse(&row);
            let dnd = if is_open { UNDECIDED } else { "" };
            return self.hold_back(row.cells, ListProblem::row(row.number, fault.message()), dnd.to_owned());
        }
        let is_left_out = row.is_hidden && self.plan.options.hidden_rows == Some(HiddenRows::LeaveOut);
        let what = is_left_out.then_some(NotAPerson::Hidden);
        if let Some(what) = what.or_else(|| table::not_a_person(&row, &self.plan.layout.columns)) {
            self.tally.not_people += 1;
            let problem =
                ListProblem { effect: crate::ProblemEffect::Note, ..ListProblem::row(row.number, what.message()) };
            return self.ready.push_back(RowOutcome::NotAPerson(HeldBack {
                cells: row.cells,
                problem,
                dnd: String::new(),
            }));
        }
        if let Some(above) = self.parts.above(&row, &self.plan.columns) {
            let draft = reader.read(&row);
            // A person whose own row refuses everything can be imported as such.
            let is_closed = draft.as_ref().is_ok_and(|draft| draft.closed.has(Channels::ALL));
            match draft {
                Err(left_out) if above.is(row.number) => {
                    return self.leave_out(row, left_out, Keys::default());
                }
                Ok(_) if is_closed && !above.is(row.number) => {}
                _ => {
                    let dnd = if above.is(row.number) { "" } else { UNDECIDED };
                    let problem = ListProblem::row(row.number, above.message(row.number));
                    return self.hold_back(row.cells, problem, dnd.to_owned());
                }
            }
        }
        if let Some(broken) = self.plan.broken.get(&row.number) {
            let problem = ListProblem::row(row.number, broken.message());
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

    /// Imports the first row of a person, and holds the others back.
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

    /// Merges the rows of one person. The contact is ready once all of them have come.
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

    /// Counts a row with these keys. Contacts that wait for no further row are ready.
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

    /// Emits a contact, with all rows that have come.
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

    /// Applies refusals in any row of the person.
    fn close(&self, draft: &mut Draft, keys: Keys) {
        for key in keys.all() {
            if let Some(closed) = self.plan.closed.get(&key) {
                draft.closed = draft.closed.and(*closed);
                draft.closed_by_others = draft.closed_by_others.and(*closed);
            }
        }
    }

    /// Makes a record from a draft. Returns false if it is held back instead.
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
                ListProblem::row(
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
        self.ready.push_back(RowOutcome::Record(Box::new(imported)));
        true
    }

    /// Leaves out a row with these keys.
    fn leave_out(&mut self, row: Row, left_out: LeftOut, keys: Keys) {
        let closed =
            keys.all().filter_map(|key| self.plan.closed.get(&key).copied()).fold(Channels::NONE, Channels::and);
        let dnd = if left_out.is_by_others { UNDECIDED.to_owned() } else { closed.listed() };
        self.hold_back(row.cells, left_out.problem, dnd);
    }

    fn hold_back(&mut self, cells: Vec<String>, problem: ListProblem, dnd: String) {
        self.tally.held_back += 1;
        self.ready.push_back(RowOutcome::HeldBack(HeldBack { cells, problem, dnd }));
    }

    fn advance(&mut self) -> Result<(), FileImportError> {
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

impl Iterator for RecordStream<'_> {
    type Item = Result<RowOutcome, FileImportError>;

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

fn same_person(row: u64, what: &str, owner: u64) -> ListProblem {
    let message = format!(
        "has the {what} of row {owner}: GoHighLevel would make them one contact. Say --same-person merge-first, merge-last or \
         keep-apart, or correct the row"
    );
    ListProblem::row(row, message)
}
