//! Lists of contacts that are handed in: what is told of a file, and how it stands.

use ghl_sync_drop::{HandedIn, Link, ListName, ListState, ListStatus, ListSummary};
use ghl_sync_model::{ImportId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A file that somebody wants to hand in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "contacts.csv", "size": 48213, "undoable": true }))]
pub(crate) struct HandInList {
    /// The file's name, with its ending.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) name: String,
    /// How many bytes it has. The link takes exactly so many.
    #[schema(minimum = 1, maximum = 67_108_864_u64)]
    pub(crate) size: u64,
    /// Whether the import can be undone: what GHL shows of each contact is read and kept before it is written, which takes
    /// one more call a contact.
    #[serde(default)]
    pub(crate) undoable: bool,
}

/// Where the file goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HandedInList {
    /// What the list is called from now on: the time, six digits and the file's name.
    #[schema(example = "20261130-194501-3fa9c1-contacts.csv")]
    name: String,
    /// The link that takes the file, by `PUT`.
    upload: FileLink,
}

/// A link to a file of the bucket, signed. Whoever has it may use it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileLink {
    /// The address.
    #[schema(format = "uri")]
    url: String,
    /// Until when it is good.
    expires_at: Time,
}

/// How a list stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListDocument {
    /// What it is called.
    name: String,
    /// How far it is: `uploading`, `reading`, `needs_mapping`, `held` (nothing is sent before its mapping says
    /// `"hold": false`), `refused`, `importing` or `done`.
    #[schema(value_type = String, example = "held")]
    state: ListState,
    /// Bytes of the file; null while it is not there.
    size: Option<u64>,
    /// When the file was put there.
    uploaded_at: Option<Time>,
    /// Its own mapping as it stands; null if it has none.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Value>,
    /// The report on the list and its mapping as they are now: `report.json` of docs/DROP.md. Null while it is looked at.
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

/// A page of the lists of a location, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListsOfLocation {
    /// The lists.
    pub(crate) lists: Vec<ListedList>,
    /// Where the next page begins; null on the last one.
    pub(crate) cursor: Option<String>,
}

/// How a list stands, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedList {
    /// What it is called. One that was dropped into a folder has `/` in its name, and no path of its own here: its report is
    /// in the bucket.
    #[schema(example = "20261130-194501-3fa9c1-contacts.csv")]
    name: String,
    /// How far it is: `reading`, `needs_mapping`, `held`, `refused`, `importing` or `done`, as the list itself tells it.
    #[schema(value_type = String, example = "held")]
    state: ListState,
    /// Since when; null of one that an earlier build imported.
    since: Option<Time>,
    /// When its file was put into the bucket.
    uploaded_at: Time,
    /// Whether its next step is overdue, so that nothing happens to it before somebody mends that.
    stands_still: bool,
    /// Its rows, once they were counted: before it is `held` or `done`, those that look like people.
    rows: Option<u64>,
    /// Rows that are left out, or would be; null before it is `held` or `done`.
    left_out: Option<u64>,
    /// Contacts that failed; null before it is `done`.
    failed: Option<u64>,
    /// The import that its contacts are put under; null before it is sent.
    #[schema(inline)]
    import_id: Option<ImportId>,
}

impl From<ListSummary> for ListedList {
    fn from(list: ListSummary) -> ListedList {
        let ListSummary { name, state, since, uploaded_at, stands_still, rows, left_out, failed, import } = list;
        ListedList {
            name,
            state,
            since: Time::maybe(since),
            uploaded_at: Time(uploaded_at),
            stands_still,
            rows,
            left_out,
            failed,
            import_id: import,
        }
    }
}

impl From<HandedIn> for HandedInList {
    fn from(HandedIn { name, upload }: HandedIn) -> HandedInList {
        HandedInList { name: name.as_str().to_owned(), upload: upload.into() }
    }
}

impl From<Link> for FileLink {
    fn from(Link { url, expires_at }: Link) -> FileLink {
        FileLink { url, expires_at: Time(expires_at) }
    }
}

impl ListDocument {
    pub(crate) fn of(name: &ListName, status: ListStatus) -> ListDocument {
        let ListStatus { state, size, uploaded_at, mapping, report } = status;
        ListDocument {
            name: name.as_str().to_owned(),
            state,
            size,
            uploaded_at: Time::maybe(uploaded_at),
            mapping,
            report,
        }
    }
}
