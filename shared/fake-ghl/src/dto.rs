//! GHL's field lists.

use super::validate::{Dto, DtoField, DtoKind};

const LOCATION: &[DtoField] = &[DtoField::required("locationId", DtoKind::Text)];

/// Fields shared by create, upsert and update of a contact.
const CONTACT: &[DtoField] = &[
    DtoField::nullable("firstName", DtoKind::Text),
    DtoField::nullable("lastName", DtoKind::Text),
    DtoField::nullable("name", DtoKind::Text),
    DtoField::nullable("email", DtoKind::Email),
    DtoField::nullable("phone", DtoKind::Phone),
    DtoField::nullable("address1", DtoKind::Text),
    DtoField::nullable("city", DtoKind::Text),
    DtoField::nullable("state", DtoKind::Text),
    DtoField::optional("postalCode", DtoKind::Text),
    DtoField::nullable("website", DtoKind::Text),
    DtoField::nullable("timezone", DtoKind::Text),
    DtoField::optional("dnd", DtoKind::Flag),
    DtoField::optional("dndSettings", DtoKind::DndSettings),
    DtoField::optional("inboundDndSettings", DtoKind::Object),
    DtoField::optional("tags", DtoKind::Texts),
    DtoField::optional("customFields", DtoKind::CustomFields),
    DtoField::nullable("dateOfBirth", DtoKind::BirthDate),
    DtoField::optional("country", DtoKind::Country),
];

const ON_CREATE: &[DtoField] = &[
    DtoField::optional("gender", DtoKind::Text),
    DtoField::nullable("companyName", DtoKind::Text),
    DtoField::optional("source", DtoKind::Text),
    DtoField::optional("assignedTo", DtoKind::Text),
];

/// Body of `POST /contacts/`.
pub(crate) const CREATE_CONTACT: Dto = &[LOCATION, CONTACT, ON_CREATE];

/// Body of `POST /contacts/upsert`.
pub(crate) const UPSERT_CONTACT: Dto =
    &[LOCATION, CONTACT, ON_CREATE, &[DtoField::optional("createNewIfDuplicateAllowed", DtoKind::Flag)]];

const ON_UPDATE: &[DtoField] =
    &[DtoField::nullable("source", DtoKind::Text), DtoField::nullable("assignedTo", DtoKind::Text)];

/// Body of `PUT /contacts/{id}`: neither `locationId` nor `gender`. The specification lacks `companyName`, but GHL
/// was seen to accept it.
pub(crate) const UPDATE_CONTACT: Dto = &[CONTACT, ON_UPDATE, &[DtoField::nullable("companyName", DtoKind::Text)]];

/// The same according to the specification, and as GHL behaved until 2026.
pub(crate) const UPDATE_CONTACT_WITHOUT_COMPANY: Dto = &[CONTACT, ON_UPDATE];

/// Body of `POST` and `DELETE /contacts/{id}/tags`.
pub(crate) const TAGS: Dto = &[&[DtoField::required("tags", DtoKind::Texts)]];

/// Body of `POST /contacts/search`.
pub(crate) const SEARCH_CONTACTS: Dto = &[
    LOCATION,
    &[
        DtoField::required("pageLimit", DtoKind::Number),
        DtoField::optional("page", DtoKind::Number),
        DtoField::optional("searchAfter", DtoKind::Any),
        DtoField::optional("filters", DtoKind::Any),
        DtoField::optional("sort", DtoKind::Any),
        DtoField::optional("query", DtoKind::Text),
    ],
];

const DATA_TYPES: DtoKind = DtoKind::Choice(&[
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

/// The changeable properties of a custom field. The specification lacks `options`, but the API requires it.
const CUSTOM_FIELD: &[DtoField] = &[
    DtoField::required("name", DtoKind::Text),
    DtoField::optional("placeholder", DtoKind::Text),
    DtoField::optional("acceptedFormat", DtoKind::Texts),
    DtoField::optional("isMultipleFile", DtoKind::Flag),
    DtoField::optional("maxNumberOfFiles", DtoKind::Number),
    DtoField::optional("textBoxListOptions", DtoKind::Any),
    DtoField::optional("options", DtoKind::Texts),
    DtoField::optional("position", DtoKind::Number),
];

const MODEL: &[DtoField] = &[DtoField::optional("model", DtoKind::Choice(&["contact", "opportunity"]))];
const DATA_TYPE: &[DtoField] = &[DtoField::required("dataType", DATA_TYPES)];

/// Body of `POST /locations/{id}/customFields`.
pub(crate) const CREATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, MODEL, DATA_TYPE];

/// Body of `PUT /locations/{id}/customFields/{id}`: the type cannot change.
pub(crate) const UPDATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, MODEL];

/// Body of the legacy `POST /v1/custom-fields/`.
pub(crate) const V1_CREATE_CUSTOM_FIELD: Dto = &[CUSTOM_FIELD, DATA_TYPE];

/// Body of `POST` and `PUT /locations/{id}/customValues`.
pub(crate) const CUSTOM_VALUE: Dto =
    &[&[DtoField::required("name", DtoKind::Text), DtoField::required("value", DtoKind::Text)]];

/// Body of `POST` and `PUT /locations/{id}/tags`.
pub(crate) const TAG: Dto = &[&[DtoField::required("name", DtoKind::Text)]];

const NEW_STAGE: &[DtoField] = &[
    DtoField::required("name", DtoKind::Text),
    DtoField::optional("position", DtoKind::Number),
    DtoField::optional("showInFunnel", DtoKind::Flag),
    DtoField::optional("showInPieChart", DtoKind::Flag),
    DtoField::optional("stageWinProbability", DtoKind::Number),
];

const PIPELINE: &[DtoField] = &[
    DtoField::required("name", DtoKind::Text),
    DtoField::optional("showInFunnel", DtoKind::Flag),
    DtoField::optional("showInPieChart", DtoKind::Flag),
    DtoField::optional("useOpportunityProbability", DtoKind::Flag),
];

/// Body of `POST /opportunities/pipelines`.
pub(crate) const CREATE_PIPELINE: Dto =
    &[LOCATION, PIPELINE, &[DtoField::required("stages", DtoKind::Elements(&[NEW_STAGE]))]];

/// A stage to keep is given with its id.
const STAGE: Dto = &[NEW_STAGE, &[DtoField::optional("id", DtoKind::Text)]];

/// Body of `PUT /opportunities/pipelines/{id}`: neither `locationId` nor the other fields that reads return.
pub(crate) const UPDATE_PIPELINE: Dto = &[PIPELINE, &[DtoField::required("stages", DtoKind::Elements(STAGE))]];

/// Statuses of an opportunity. `all` is for searches only.
const STATUSES: DtoKind = DtoKind::Choice(&["open", "won", "lost", "abandoned"]);

const OPPORTUNITY: &[DtoField] = &[
    DtoField::optional("pipelineStageId", DtoKind::Text),
    DtoField::optional("monetaryValue", DtoKind::Number),
    DtoField::optional("assignedTo", DtoKind::Text),
    DtoField::optional("customFields", DtoKind::CustomFields),
];

/// Body of `POST /opportunities/`.
pub(crate) const CREATE_OPPORTUNITY: Dto = &[
    LOCATION,
    OPPORTUNITY,
    &[
        DtoField::required("pipelineId", DtoKind::Text),
        DtoField::required("name", DtoKind::Text),
        DtoField::required("status", STATUSES),
        DtoField::required("contactId", DtoKind::Text),
    ],
];

/// Body of `PUT /opportunities/{id}`: neither `locationId` nor `contactId`.
pub(crate) const UPDATE_OPPORTUNITY: Dto = &[
    OPPORTUNITY,
    &[
        DtoField::optional("pipelineId", DtoKind::Text),
        DtoField::optional("name", DtoKind::Text),
        DtoField::optional("status", STATUSES),
    ],
];

/// Body of `PUT /opportunities/{id}/status`.
pub(crate) const OPPORTUNITY_STATUS: Dto =
    &[&[DtoField::required("status", STATUSES), DtoField::optional("lostReasonId", DtoKind::Text)]];

/// Body of the legacy `POST /v1/contacts/` and `PUT /v1/contacts/{id}`.
pub(crate) const V1_CONTACT: Dto = &[&[
    DtoField::nullable("firstName", DtoKind::Text),
    DtoField::nullable("lastName", DtoKind::Text),
    DtoField::nullable("name", DtoKind::Text),
    DtoField::nullable("email", DtoKind::Email),
    DtoField::nullable("phone", DtoKind::Phone),
    DtoField::nullable("address1", DtoKind::Text),
    DtoField::nullable("city", DtoKind::Text),
    DtoField::nullable("state", DtoKind::Text),
    DtoField::nullable("postalCode", DtoKind::Text),
    DtoField::nullable("website", DtoKind::Text),
    DtoField::nullable("timezone", DtoKind::Text),
    DtoField::nullable("companyName", DtoKind::Text),
    DtoField::nullable("source", DtoKind::Text),
    DtoField::nullable("gender", DtoKind::Text),
    DtoField::nullable("assignedTo", DtoKind::Text),
    DtoField::nullable("dateOfBirth", DtoKind::BirthDate),
    DtoField::optional("country", DtoKind::Country),
    DtoField::optional("dnd", DtoKind::Flag),
    DtoField::optional("tags", DtoKind::Texts),
    DtoField::optional("customField", DtoKind::Object),
]];

const V1_OPPORTUNITY: &[DtoField] = &[
    DtoField::required("status", STATUSES),
    DtoField::optional("monetaryValue", DtoKind::Number),
    DtoField::optional("assignedTo", DtoKind::Text),
    DtoField::optional("source", DtoKind::Text),
];

/// Body of the legacy `POST /v1/pipelines/{id}/opportunities/`. It names the contact by id, e-mail or phone.
pub(crate) const V1_CREATE_OPPORTUNITY: Dto = &[
    V1_OPPORTUNITY,
    &[
        DtoField::required("title", DtoKind::Text),
        DtoField::optional("stageId", DtoKind::Text),
        DtoField::optional("contactId", DtoKind::Text),
        DtoField::optional("email", DtoKind::Email),
        DtoField::optional("phone", DtoKind::Phone),
        DtoField::optional("name", DtoKind::Text),
        DtoField::optional("companyName", DtoKind::Text),
        DtoField::optional("tags", DtoKind::Texts),
    ],
];

/// Body of the legacy `PUT /v1/pipelines/{id}/opportunities/{id}`.
pub(crate) const V1_UPDATE_OPPORTUNITY: Dto =
    &[V1_OPPORTUNITY, &[DtoField::optional("title", DtoKind::Text), DtoField::optional("stageId", DtoKind::Text)]];

/// Body of the legacy `PUT /v1/pipelines/{id}/opportunities/{id}/status`.
pub(crate) const V1_OPPORTUNITY_STATUS: Dto = &[&[DtoField::required("status", STATUSES)]];
