//! GHL's field lists.

use super::validate::{Dto, Field, Kind};

const LOCATION: &[Field] = &[Field::required("locationId", Kind::Text)];

/// What create, upsert and update of a contact have in common.
const CONTACT: &[Field] = &[
    Field::nullable("firstName", Kind::Text),
    Field::nullable("lastName", Kind::Text),
    Field::nullable("name", Kind::Text),
    Field::nullable("email", Kind::Email),
    Field::nullable("phone", Kind::Phone),
    Field::nullable("address1", Kind::Text),
    Field::nullable("city", Kind::Text),
    Field::nullable("state", Kind::Text),
    Field::optional("postalCode", Kind::Text),
    Field::nullable("website", Kind::Text),
    Field::nullable("timezone", Kind::Text),
    Field::optional("dnd", Kind::Flag),
    Field::optional("dndSettings", Kind::DndSettings),
    Field::optional("inboundDndSettings", Kind::Object),
    Field::optional("tags", Kind::Texts),
    Field::optional("customFields", Kind::CustomFields),
    Field::nullable("dateOfBirth", Kind::BirthDate),
    Field::optional("country", Kind::Country),
];

const ON_CREATE: &[Field] = &[
    Field::optional("gender", Kind::Text),
    Field::nullable("companyName", Kind::Text),
    Field::optional("source", Kind::Text),
    Field::optional("assignedTo", Kind::Text),
];

/// Body of `POST /contacts/`.
pub(crate) const CREATE_CONTACT: Dto = &[LOCATION, CONTACT, ON_CREATE];

/// Body of `POST /contacts/upsert`.
pub(crate) const UPSERT_CONTACT: Dto =
    &[LOCATION, CONTACT, ON_CREATE, &[Field::optional("createNewIfDuplicateAllowed", Kind::Flag)]];

const ON_UPDATE: &[Field] = &[Field::nullable("source", Kind::Text), Field::nullable("assignedTo", Kind::Text)];

/// Body of `PUT /contacts/{id}`: neither `locationId` nor `gender`. `companyName` is not in the specification, but was
/// seen to be taken.
pub(crate) const UPDATE_CONTACT: Dto = &[CONTACT, ON_UPDATE, &[Field::nullable("companyName", Kind::Text)]];

/// The same as the specification has it, and GHL had it until 2026.
pub(crate) const UPDATE_CONTACT_WITHOUT_COMPANY: Dto = &[CONTACT, ON_UPDATE];

/// Body of `POST` and `DELETE /contacts/{id}/tags`.
pub(crate) const TAGS: Dto = &[&[Field::required("tags", Kind::Texts)]];

/// Body of `POST /contacts/search`.
pub(crate) const SEARCH_CONTACTS: Dto = &[
    LOCATION,
    &[
        Field::required("pageLimit", Kind::Number),
        Field::optional("page", Kind::Number),
        Field::optional("searchAfter", Kind::Any),
        Field::optional("filters", Kind::Any),
        Field::optional("sort", Kind::Any),
        Field::optional("query", Kind::Text),
    ],
];

const DATA_TYPES: Kind = Kind::Choice(&[
    "TEXT",
    "LARGE_TEXT",
    "NUMERICAL",
    "PHONE",
    "MONETORY",
    "CHECKBOX",
    "SINGLE_OPTIONS",
    "MULTIPLE_OPTIONS",
    "DATE",
    "TEXTBOX_LIST",
    "FILE_UPLOAD",
    "RADIO",
    "FLOAT",
    "TIME",
    "SIGNATURE",
]);

/// What a custom field may be changed in. `options` is not in the specification, but wanted by the API.
const CUSTOM_FIELD: &[Field] = &[
    Field::required("name", Kind::Text),
    Field::optional("placeholder", Kind::Text),
    Field::optional("acceptedFormat", Kind::Texts),
    Field::optional("isMultipleFile", Kind::Flag),
    Field::optional("maxNumberOfFiles", Kind::Number),
    Field::optional("textBoxListOptions", Kind::Any),
    Field::optional("options", Kind::Texts),
    Field::optional("position", Kind::Number),
];

const MODEL: &[Field] = &[Field::optional("model", Kind::Choice(&["contact", "opportunity"]))];
const DATA_TYPE: &[Field] = &[Field::required("dataType", DATA_TYPES)];

/// Body of `POST /locations/{id}/customFields`.
pub(crate) const CREATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, MODEL, DATA_TYPE];

/// Body of `PUT /locations/{id}/customFields/{id}`: the type stays.
pub(crate) const UPDATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, MODEL];

/// Body of the legacy `POST /v1/custom-fields/`.
pub(crate) const V1_CREATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, DATA_TYPE];

/// Body of `POST` and `PUT /locations/{id}/customValues`.
pub(crate) const CUSTOM_VALUE: Dto = &[&[Field::required("name", Kind::Text), Field::required("value", Kind::Text)]];

/// Body of `POST` and `PUT /locations/{id}/tags`.
pub(crate) const TAG: Dto = &[&[Field::required("name", Kind::Text)]];

const NEW_STAGE: &[Field] = &[
    Field::required("name", Kind::Text),
    Field::optional("position", Kind::Number),
    Field::optional("showInFunnel", Kind::Flag),
    Field::optional("showInPieChart", Kind::Flag),
    Field::optional("stageWinProbability", Kind::Number),
];

const PIPELINE: &[Field] = &[
    Field::required("name", Kind::Text),
    Field::optional("showInFunnel", Kind::Flag),
    Field::optional("showInPieChart", Kind::Flag),
    Field::optional("useOpportunityProbability", Kind::Flag),
];

/// Body of `POST /opportunities/pipelines`.
pub(crate) const CREATE_PIPELINE: Dto =
    &[LOCATION, PIPELINE, &[Field::required("stages", Kind::Elements(&[NEW_STAGE]))]];

/// A stage that is to stay has its id.
const STAGE: Dto = &[NEW_STAGE, &[Field::optional("id", Kind::Text)]];

/// Body of `PUT /opportunities/pipelines/{id}`: neither `locationId` nor anything else that a read shows beside.
pub(crate) const UPDATE_PIPELINE: Dto = &[PIPELINE, &[Field::required("stages", Kind::Elements(STAGE))]];

/// What an opportunity may be. `all` is for searching only.
const STATUSES: Kind = Kind::Choice(&["open", "won", "lost", "abandoned"]);

const OPPORTUNITY: &[Field] = &[
    Field::optional("pipelineStageId", Kind::Text),
    Field::optional("monetaryValue", Kind::Number),
    Field::optional("assignedTo", Kind::Text),
    Field::optional("customFields", Kind::CustomFields),
];

/// Body of `POST /opportunities/`.
pub(crate) const CREATE_OPPORTUNITY: Dto = &[
    LOCATION,
    OPPORTUNITY,
    &[
        Field::required("pipelineId", Kind::Text),
        Field::required("name", Kind::Text),
        Field::required("status", STATUSES),
        Field::required("contactId", Kind::Text),
    ],
];

/// Body of `PUT /opportunities/{id}`: neither `locationId` nor `contactId`.
pub(crate) const UPDATE_OPPORTUNITY: Dto = &[
    OPPORTUNITY,
    &[
        Field::optional("pipelineId", Kind::Text),
        Field::optional("name", Kind::Text),
        Field::optional("status", STATUSES),
    ],
];

/// Body of `PUT /opportunities/{id}/status`.
pub(crate) const OPPORTUNITY_STATUS: Dto =
    &[&[Field::required("status", STATUSES), Field::optional("lostReasonId", Kind::Text)]];

/// Body of the legacy `POST /v1/contacts/` and `PUT /v1/contacts/{id}`.
pub(crate) const V1_CONTACT: Dto = &[&[
    Field::nullable("firstName", Kind::Text),
    Field::nullable("lastName", Kind::Text),
    Field::nullable("name", Kind::Text),
    Field::nullable("email", Kind::Email),
    Field::nullable("phone", Kind::Phone),
    Field::nullable("address1", Kind::Text),
    Field::nullable("city", Kind::Text),
    Field::nullable("state", Kind::Text),
    Field::nullable("postalCode", Kind::Text),
    Field::nullable("website", Kind::Text),
    Field::nullable("timezone", Kind::Text),
    Field::nullable("companyName", Kind::Text),
    Field::nullable("source", Kind::Text),
    Field::nullable("gender", Kind::Text),
    Field::nullable("assignedTo", Kind::Text),
    Field::nullable("dateOfBirth", Kind::BirthDate),
    Field::optional("country", Kind::Country),
    Field::optional("dnd", Kind::Flag),
    Field::optional("tags", Kind::Texts),
    Field::optional("customField", Kind::Object),
]];

const V1_OPPORTUNITY: &[Field] = &[
    Field::required("status", STATUSES),
    Field::optional("monetaryValue", Kind::Number),
    Field::optional("assignedTo", Kind::Text),
    Field::optional("source", Kind::Text),
];

/// Body of the legacy `POST /v1/pipelines/{id}/opportunities/`. The contact is named by id, e-mail or phone.
pub(crate) const V1_CREATE_OPPORTUNITY: Dto = &[
    V1_OPPORTUNITY,
    &[
        Field::required("title", Kind::Text),
        Field::optional("stageId", Kind::Text),
        Field::optional("contactId", Kind::Text),
        Field::optional("email", Kind::Email),
        Field::optional("phone", Kind::Phone),
        Field::optional("name", Kind::Text),
        Field::optional("companyName", Kind::Text),
        Field::optional("tags", Kind::Texts),
    ],
];

/// Body of the legacy `PUT /v1/pipelines/{id}/opportunities/{id}`.
pub(crate) const V1_UPDATE_OPPORTUNITY: Dto =
    &[V1_OPPORTUNITY, &[Field::optional("title", Kind::Text), Field::optional("stageId", Kind::Text)]];

/// Body of the legacy `PUT /v1/pipelines/{id}/opportunities/{id}/status`.
pub(crate) const V1_OPPORTUNITY_STATUS: Dto = &[&[Field::required("status", STATUSES)]];
