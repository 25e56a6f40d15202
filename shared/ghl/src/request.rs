//! A request, written by the API modules and sent by the transport.

use ghl_sync_model::{PageCursor, Secret};
use reqwest::{Method, Url};
use serde_json::Value;

/// Most records to request per page: the maximum of both APIs (v2's contact search would give 500). Asking for more
/// gets a 400, not a shorter page.
pub(crate) const MAX_PAGE: u32 = 100;

/// One HTTP request, without host and credentials.
#[derive(Debug)]
pub(crate) struct ApiRequest {
    pub(crate) method: Method,
    /// Path below the API's base URL. Its variable parts are GHL ids, which need no escaping by their type.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<RequestBody>,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Json(Value),
    /// Encoded as `application/x-www-form-urlencoded`. It is a secret: only token requests are forms.
    Form(Secret),
}

/// An API lacks the named feature, so it has no request for the call.
#[derive(Debug)]
pub(crate) struct Unsupported(pub(crate) &'static str);

impl ApiRequest {
    pub(crate) fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> ApiRequest {
        ApiRequest { method: Method::GET, path: path.into(), query, body: None }
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<Value>) -> ApiRequest {
        ApiRequest {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: Some(RequestBody::Json(body.into())),
        }
    }

    pub(crate) fn put(path: impl Into<String>, body: impl Into<Value>) -> ApiRequest {
        ApiRequest {
            method: Method::PUT,
            path: path.into(),
            query: Vec::new(),
            body: Some(RequestBody::Json(body.into())),
        }
    }

    pub(crate) fn delete(path: impl Into<String>) -> ApiRequest {
        ApiRequest { method: Method::DELETE, path: path.into(), query: Vec::new(), body: None }
    }

    pub(crate) fn delete_with(path: impl Into<String>, body: impl Into<Value>) -> ApiRequest {
        ApiRequest { body: Some(RequestBody::Json(body.into())), ..ApiRequest::delete(path) }
    }

    pub(crate) fn form(path: impl Into<String>, fields: &[(&str, &str)]) -> ApiRequest {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        ApiRequest {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: Some(RequestBody::Form(Secret::new(body))),
        }
    }

    /// The full URL, with the query percent-encoded.
    pub(crate) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// Method, path and body in readable form.
    pub(crate) fn preview(&self, base: &Url) -> String {
        let url = self.url(base);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let body = match &self.body {
            Some(RequestBody::Json(body)) => format!("\n{body}"),
            Some(RequestBody::Form(_)) | None => String::new(),
        };
        format!("{} {}{query}{body}", self.method, url.path())
    }
}

/// Query parameters that continue after `cursor`, for lists whose cursor is a time and an id.
pub(crate) fn after(cursor: Option<&PageCursor>) -> Result<Option<[(&'static str, String); 2]>, Unsupported> {
    let Some(PageCursor(cursor)) = cursor else { return Ok(None) };
    let (after, id): (u64, String) =
        serde_json::from_str(cursor).map_err(|_| Unsupported("the page cursor is not one of this API"))?;
    Ok(Some([("startAfter", after.to_string()), ("startAfterId", id)]))
}

#[cfg(test)]
pub(crate) mod samples {
    //! Sample calls to write as requests.

    use ghl_sync_model::{
        Contact, ContactRef, CustomField, FieldType, GhlId, Kind, LocationId, Marker, NewField, NewPipeline,
        Opportunity, OpportunityStatus, PageCursor, RecordId,
    };
    use serde_json::json;

    pub(crate) fn id(text: &str) -> GhlId {
        GhlId::new(text).unwrap()
    }

    pub(crate) fn location() -> LocationId {
        LocationId::new("loc1").unwrap()
    }

    pub(crate) fn marker() -> Marker {
        Marker::of(&LocationId::new("loc").unwrap(), &"contact#1".parse().unwrap())
    }

    pub(crate) fn contact_ref() -> ContactRef {
        ContactRef { contact_id: id("c1"), pipeline_id: id("p1"), after: None }
    }

    pub(crate) fn next_page_of(of: ContactRef) -> ContactRef {
        ContactRef { after: Some(PageCursor(r#"[1736471515514,"VU1"]"#.to_owned())), ..of }
    }

    /// A field definition with every property; no real type of field has all of them.
    pub(crate) fn new_field() -> NewField {
        NewField {
            name: "Size".to_owned(),
            model: Kind::Contact,
            data_type: FieldType::SingleOptions,
            options: vec!["S".to_owned(), "L".to_owned()],
            placeholder: Some("Pick".to_owned()),
            position: Some(3),
            accepted_formats: vec![".pdf".to_owned()],
            multiple_files: Some(true),
            max_files: Some(2),
        }
    }

    pub(crate) fn new_pipeline() -> NewPipeline {
        NewPipeline { name: "Sales".to_owned(), stages: vec!["New".to_owned(), "Won".to_owned()] }
    }

    pub(crate) fn named_contact() -> Contact {
        Contact {
            first_name: Some("Ann".to_owned()),
            company_name: Some("Acme".to_owned()),
            tags: vec!["vip".to_owned()],
            ..Contact::default()
        }
    }

    /// A contact with every field.
    pub(crate) fn full_contact() -> Contact {
        Contact {
            gender: Some("female".to_owned()),
            dnd_settings: Some(json!({ "SMS": { "status": "active" } })),
            ..v1_contact()
        }
    }

    /// A contact with every field that v1 has.
    pub(crate) fn v1_contact() -> Contact {
        Contact {
            first_name: Some("Ann".to_owned()),
            last_name: Some("Lee".to_owned()),
            name: Some("Ann Lee".to_owned()),
            email: Some("ann+x@example.com".to_owned()),
            phone: Some("+15550100".to_owned()),
            address1: Some("1 Rd".to_owned()),
            city: Some("Ulm".to_owned()),
            state: Some("BW".to_owned()),
            postal_code: Some("01234".to_owned()),
            website: Some("https://a.example".to_owned()),
            timezone: Some("Europe/Berlin".to_owned()),
            gender: None,
            source: Some("crm".to_owned()),
            country: Some("DE".to_owned()),
            company_name: Some("Acme".to_owned()),
            assigned_to: Some("u1".to_owned()),
            date_of_birth: Some("1990-09-25".to_owned()),
            dnd: Some(true),
            dnd_settings: None,
            tags: vec!["vip".to_owned()],
            remove_tags: Vec::new(),
            custom_fields: vec![
                CustomField { id: Some("cf1".to_owned()), key: None, value: json!("42") },
                CustomField { id: None, key: Some("contact.colours".to_owned()), value: json!(["a", "b"]) },
            ],
        }
    }

    pub(crate) fn bare_opportunity() -> Opportunity {
        Opportunity {
            contact_record: Some(RecordId::new("crm-1").unwrap()),
            contact_id: None,
            pipeline_id: id("p1"),
            name: "Roof".to_owned(),
            status: None,
            pipeline_stage_id: None,
            monetary_value: None,
            assigned_to: None,
            custom_fields: vec![],
        }
    }

    /// An opportunity with every field that v1 has.
    pub(crate) fn v1_opportunity() -> Opportunity {
        Opportunity {
            status: Some(OpportunityStatus::Won),
            pipeline_stage_id: Some(id("s1")),
            monetary_value: serde_json::Number::from_f64(220.5),
            assigned_to: Some("u1".to_owned()),
            ..bare_opportunity()
        }
    }

    /// An opportunity with every field.
    pub(crate) fn full_opportunity() -> Opportunity {
        let size = CustomField { id: None, key: Some("opportunity.size".to_owned()), value: json!(7) };
        Opportunity { custom_fields: vec![size], ..v1_opportunity() }
    }
}
