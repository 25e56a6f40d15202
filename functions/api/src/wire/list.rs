//! Uploaded lists of contacts: the request for an upload, and the status of a list.

use ghl_sync_drop::{HandedIn, Link, ListName, ListState, ListStatus, ListSummary};
use ghl_sync_model::{ImportId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A file to upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "contacts.csv", "size": 48213, "undoable": true }))]
pub(crate) struct HandInList {
    /// Name of the file, with its extension.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) name: String,
    /// Size of the file in bytes. The link takes exactly this many.
    #[schema(minimum = 1, maximum = 67_108_864_u64)]
    pub(crate) size: u64,
    /// Whether the import can be undone: before each write, the contact's state in GHL is read and kept, which takes
    /// one more call per contact.
    #[serde(default)]
    pub(crate) undoable: bool,
}

/// Where to upload the file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HandedInList {
    /// Name of the list from now on: the time, six digits and the file's name.
    #[schema(example = "20261130-194501-3fa9c1-contacts.csv")]
    name: String,
    /// The link that takes the file, by `PUT`.
    upload: FileLink,
}

/// A signed link to a file of the bucket. Whoever has the link can use it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileLink {
    /// The URL.
    #[schema(format = "uri")]
    url: String,
    /// Time when the link expires.
    expires_at: Time,
}

/// The status of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListDocument {
    /// Name of the list.
    name: String,
    /// Progress of the list: `uploading`, `reading`, `needs_mapping`, `held` (nothing is sent until its mapping says
    /// `"hold": false`), `refused`, `importing` or `done`.
    #[schema(value_type = String, example = "held")]
    state: ListState,
    /// Size of the file in bytes; null while it is not there.
    size: Option<u64>,
    /// When the file arrived.
    uploaded_at: Option<Time>,
    /// The list's own mapping; null if it has none.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Value>,
    /// The report on the list with its current mapping: `report.json` of docs/DROP.md. Null while the list is being
    /// read.
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

/// A page of the lists of a location, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListsOfLocation {
    /// The lists.
    pub(crate) lists: Vec<ListedList>,
    /// `cursor` of the next page; null on the last page.
    pub(crate) cursor: Option<String>,
}

/// The status of a list, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedList {
    /// Name of the list. A list that was dropped into a folder has `/` in its name, and no path of its own here: its
    /// report is in the bucket.
    #[schema(example = "20261130-194501-3fa9c1-contacts.csv")]
    name: String,
    /// Progress of the list as the importer last stored it: `reading`, `needs_mapping`, `held`, `refused`, `importing`
    /// or `done`.
    #[schema(value_type = String, example = "held")]
    state: ListState,
    /// When the list reached this state; null for a list that an earlier build imported.
    since: Option<Time>,
    /// When its file was put into the bucket.
    uploaded_at: Time,
    /// Whether its next step is overdue, so that nothing happens until somebody fixes the cause.
    stands_still: bool,
    /// Number of rows, once counted: before `held` or `done`, only the rows that look like people.
    rows: Option<u64>,
    /// Rows that are, or would be, left out; null before `held` or `done`.
    left_out: Option<u64>,
    /// Contacts that failed; null before `done`.
    failed: Option<u64>,
    /// The import of its contacts; null before anything is sent.
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
