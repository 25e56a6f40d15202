//! The OpenAPI document: the descriptions of the handlers, and the parts that all operations share.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContactBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    Schema, Server, Tag,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ProblemDocument;

/// The document as JSON.
pub(crate) fn json(paths: OpenApi) -> String {
    // Only strings, lists and maps with string keys: serialization cannot fail.
    serde_json::to_string(&document(paths)).unwrap_or_default()
}

fn document(mut document: OpenApi) -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    document.info = InfoBuilder::new()
        .title("ghl-sync")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("Whoever operates this stack")).build()))
        .license(Some(license))
        .build();
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(vec![
        tag("records", "Puts of contacts and opportunities, and their status."),
        tag("mirrors", "Complete lists from a source, and the contacts missing from them."),
        tag("lists", "Lists of contacts in files: upload, preview, mapping and import."),
        tag("imports", "Groups of records, such as those of one file."),
        tag("locations", "Settings of locations; pausing and resuming them."),
        tag("access", "Who may use the API, and who changed what."),
        tag("state", "The status of everything."),
        tag("migration", "Migrating one location into another."),
    ]);
    document.security =
        Some(SECURITY.map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, [])).to_vec());
    document.components.get_or_insert_default().complete();
    document.paths.paths = std::mem::take(&mut document.paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            operations(&mut item).for_each(|operation| add_problems(&path, operation));
            // `{*name}` is the router's syntax for "the rest of the path, including slashes".
            (path.replace("{*", "{"), item)
        })
        .collect();
    document
}

const DESCRIPTION: &str = "Puts contacts and opportunities into GoHighLevel, and reports their status. A record is \
    addressed by a location, a kind and an id of your own; putting it again replaces its content. Every response has \
    its request id in `x-request-id`. Errors are problem documents (RFC 9457).";

fn tag(name: &str, description: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}

/// The ways to send a key.
const SECURITY: [&str; 3] = ["bearer", "header", "basic"];

trait Complete {
    fn complete(&mut self);
}

impl Complete for Components {
    /// Adds what no handler declares: the security schemes and the error responses.
    fn complete(&mut self) {
        self.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        self.add_security_scheme("header", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))));
        self.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
        let mut schemas = vec![(ProblemDocument::name().into_owned(), ProblemDocument::schema())];
        ProblemDocument::schemas(&mut schemas);
        self.schemas.extend(schemas);
        self.schemas.values_mut().for_each(drop_null_defaults);
        for problem in &PROBLEMS {
            let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
            let response =
                ResponseBuilder::new().description(problem.description).content("application/problem+json", content);
            self.responses.insert(problem.name.to_owned(), response.build().into());
        }
    }
}

/// Removes defaults of `null`: an absent field means something else than `null`, and some fields refuse `null`.
fn drop_null_defaults(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    for property in object.properties.values_mut() {
        if let RefOr::T(Schema::Object(property)) = property
            && property.default.as_ref().is_some_and(serde_json::Value::is_null)
        {
            property.default = None;
        }
    }
}

/// One error response.
struct ErrorSpec {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    can_happen: fn(&Operation, &str) -> bool,
}

const fn error(
    status: &'static str,
    name: &'static str,
    description: &'static str,
    can_happen: fn(&Operation, &str) -> bool,
) -> ErrorSpec {
    ErrorSpec { status, name, description, can_happen }
}

static PROBLEMS: [ErrorSpec; 13] = [
    error("400", "BadRequest", "The path, the query or the body cannot be read", |operation, path| {
        path.contains('{') || reads(operation) || has_query(operation)
    }),
    error("401", "Unauthorized", "No key, or none that is accepted", |_, _| true),
    error(
        "403",
        "Forbidden",
        "The key's role or its locations do not allow it; or a change with HTTP Basic from a page that is not ours",
        |_, path| path != "/health",
    ),
    error(
        "404",
        "NotFound",
        "The location, the record, the import, the list, the migration or the key is unknown",
        |_, path| path.contains('{') || path.ends_with("/summary"),
    ),
    error("405", "MethodNotAllowed", "The path does not take this method", |_, _| true),
    error("409", "NotNow", "The request conflicts with the current state", |operation, path| {
        let starts = operation.responses.responses.contains_key("202") && path.contains("/migration/");
        let told = path.ends_with("/imports/{import_id}") && reads(operation);
        let imports = told || path.ends_with("/imports/{import_id}/undo");
        let puts = path.ends_with("/contacts") || path.ends_with("/opportunities");
        let mirrors = path.contains("/mirrors/{name}/runs/");
        let removes = operation.operation_id.as_deref() == Some("remove_location");
        let lists = path.contains("/lists");
        starts || lists || imports || puts || mirrors || removes || path.ends_with("/mapping") || path == "/v1/outcomes"
    }),
    error("412", "PreconditionFailed", "The resource has changed since it was read", |operation, _| {
        has_precondition(operation)
    }),
    error(
        "413",
        "TooLarge",
        "A body larger than 4 MiB or of more than 10,000 items, or a file that is too large for a response",
        |operation, path| reads(operation) || path.ends_with("/report"),
    ),
    error("415", "UnsupportedMediaType", "The body is of another type, charset or encoding", |operation, _| {
        reads(operation)
    }),
    error("422", "Invalid", "A field is invalid; `errors` names it", |operation, _| {
        reads(operation) || has_query(operation)
    }),
    error("429", "TooManyWrongKeys", "Many wrong keys came from this address; wait", |_, _| true),
    error("500", "Internal", "A bug; the request id leads to its log lines", |_, _| true),
    error("503", "Unavailable", "A store or a queue did not respond; try again", |_, _| true),
];

fn reads(operation: &Operation) -> bool {
    operation.request_body.is_some()
}

fn has_precondition(operation: &Operation) -> bool {
    has_parameter(operation, |parameter| parameter.name == "If-Match")
}

fn has_query(operation: &Operation) -> bool {
    has_parameter(operation, |parameter| matches!(parameter.parameter_in, ParameterIn::Query))
}

fn has_parameter(operation: &Operation, is_it: fn(&Parameter) -> bool) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => is_it(parameter),
        RefOr::Ref(_) => false,
    })
}

fn add_problems(path: &str, operation: &mut Operation) {
    for problem in PROBLEMS.iter().filter(|problem| (problem.can_happen)(operation, path)).collect::<Vec<_>>() {
        let reference = RefOr::Ref(Ref::from_response_name(problem.name));
        operation.responses.responses.entry(problem.status.to_owned()).or_insert(reference);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}
